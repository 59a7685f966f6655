import type { ServedModel } from './served-model.ts';

/** Whether the ids of one model are those of the other: they have the same format, and one tokenizer or one file of it. */
export function sameVocabulary(one: ServedModel, other: ServedModel): boolean {
  if (one.settings.format !== other.settings.format) return false;
  if (one.tokenizer === other.tokenizer) return true;
  const [a, b] = [one.settings.tokenizer, other.settings.tokenizer];
  return a.kind === 'file' && b.kind === 'file' && a.path === b.path;
}
