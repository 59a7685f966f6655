import * as z from 'zod';

/** Further names of models: the id of the model by the alias. */
export const aliasesSchema = z.record(z.string().min(1).max(128), z.string().min(1).max(128));
export type Aliases = Readonly<z.infer<typeof aliasesSchema>>;

/** Returns the first alias that cannot be served, and why. `undefined` if all can. */
export function aliasProblem(
  aliases: Aliases,
  modelIds: readonly string[],
): { readonly alias: string; readonly sentence: string } | undefined {
  for (const [alias, id] of Object.entries(aliases)) {
    if (modelIds.includes(alias)) {
      const sentence = `The alias ${JSON.stringify(alias)} is the id of a model, so requests with it could mean either: choose another alias, or rename the model`;
      return { alias, sentence };
    }
    if (!modelIds.includes(id)) {
      const known = modelIds.map((known) => JSON.stringify(known)).join(', ');
      const chain = Object.hasOwn(aliases, id) ? ', which is an alias itself' : '';
      const sentence = `The alias ${JSON.stringify(alias)} stands for ${JSON.stringify(id)}${chain}, but the models are ${known}: write one of these ids`;
      return { alias, sentence };
    }
  }
  return undefined;
}
