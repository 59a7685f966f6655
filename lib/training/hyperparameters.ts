import { DEFAULT_LORA_RANK } from './recipe.ts';
import type { RecipeConfig } from './training-schema.ts';

/** Most characters of the name of a run: SageMaker's names have 63, of which the stage and a suffix take a part. */
export function maxRunLength(stage: string): number {
  return 63 - stage.length - '-'.length - '-r999'.length;
}

/**
 * Hyperparameters of training/sft for a recipe: the options' names with `_`, and values as text.
 *
 * @param hub repository of the hub and its commit, if the base model comes from there
 */
export function hyperparametersOf(
  { method, ...options }: RecipeConfig,
  format: string,
  hub: { readonly id: string; readonly revision?: string | undefined } | undefined,
): Readonly<Record<string, string>> {
  const named = Object.entries({
    format,
    ...options,
    ...(method === 'lora' && {
      loraRank: 'loraRank' in options ? (options.loraRank ?? DEFAULT_LORA_RANK) : DEFAULT_LORA_RANK,
    }),
    ...(hub !== undefined && { model: hub.id, modelRevision: hub.revision }),
  });
  return Object.fromEntries(
    named
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), String(value)]),
  );
}
