import { type Aliases, aliasProblem } from '../../lambda/settings/aliases.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses an alias of an unknown model, and one that is the id of a model. */
export function checkAliases(aliases: Aliases = {}, modelIds: readonly string[]): Refusal | undefined {
  const problem = aliasProblem(aliases, modelIds);
  if (problem === undefined) return undefined;
  return {
    code: 'alias',
    sentence: `${problem.sentence}.`,
    source: 'https://platform.openai.com/docs/api-reference/chat/create',
    final: true,
  };
}
