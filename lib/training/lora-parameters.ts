import type { Architecture } from '../serving/architecture.ts';
import { DEFAULT_LORA_RANK, type Recipe } from './recipe.ts';

/** Names of the linear layers of a decoder of transformers, and the sizes of their input and output. */
const linearLayers: Readonly<Record<string, (shape: Architecture) => readonly [number, number]>> = {
  q_proj: (shape) => [shape.hiddenSize, shape.heads * shape.headSize],
  k_proj: (shape) => [shape.hiddenSize, shape.keyValueHeads * shape.headSize],
  v_proj: (shape) => [shape.hiddenSize, shape.keyValueHeads * shape.headSize],
  o_proj: (shape) => [shape.heads * shape.headSize, shape.hiddenSize],
  gate_proj: (shape) => [shape.hiddenSize, shape.intermediateSize],
  up_proj: (shape) => [shape.hiddenSize, shape.intermediateSize],
  down_proj: (shape) => [shape.intermediateSize, shape.hiddenSize],
};

/** Names that `loraTargets` may have. */
export const loraTargetNames: readonly string[] = Object.keys(linearLayers);

/** Splits `loraTargets` into names; `all-linear` is all of them. */
export function loraTargetsOf({ loraTargets = 'all-linear' }: Pick<Recipe, 'loraTargets'>): readonly string[] {
  return loraTargets === 'all-linear' ? loraTargetNames : loraTargets.split(',').map((name) => name.trim());
}

/** Counts the weights of an adapter: rank × (input + output) of each layer that has one. */
export function loraParameters(shape: Architecture, recipe: Recipe): number {
  const { loraRank = DEFAULT_LORA_RANK } = recipe;
  const perLayer = loraTargetsOf(recipe).reduce((sum, name) => {
    const [input, output] = linearLayers[name]?.(shape) ?? [0, 0];
    const experts = /^(gate|up|down)_/.test(name) ? (shape.experts ?? 1) : 1;
    return sum + experts * (input + output);
  }, 0);
  return shape.layers * loraRank * perLayer;
}
