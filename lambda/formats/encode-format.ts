import type { Format, FormatIds, PromptPart, Tool, Turn } from '../forcing/format.ts';
import type { EncodeOptions, Tokenizer } from '../tokenizer/tokenizer.ts';
import { TooManyTokensError } from '../tokenizer/too-many-tokens-error.ts';
import { UnknownControlTokenError } from '../tokenizer/unknown-control-token-error.ts';

/**
 * Encodes the parts of a prompt. Text between two control tokens is encoded as one string, as the model's own template does.
 *
 * @throws {UnknownControlTokenError} if the vocabulary lacks a control token that is not marked `orText`.
 * @throws as `Tokenizer.encode`, with the limits of `options` for all parts together
 */
export async function encodeParts(
  parts: readonly PromptPart[],
  tokenizer: Tokenizer,
  { signal, maxTokens = Number.POSITIVE_INFINITY }: EncodeOptions = {},
): Promise<number[]> {
  const runs = await runsOf(parts, tokenizer);
  const texts = runs.filter((run) => typeof run === 'string');
  tokenizer.checkTexts?.(texts, maxTokens - (runs.length - texts.length));
  const ids: number[] = [];
  for (const run of runs) {
    if (typeof run === 'number') {
      ids.push(run);
      continue;
    }
    signal?.throwIfAborted();
    const left = { ...(signal === undefined ? {} : { signal }), maxTokens: maxTokens - ids.length };
    for (const id of await tokenizer.encode(run, left)) ids.push(id);
  }
  if (ids.length > maxTokens) throw new TooManyTokensError();
  return ids;
}

/** Control tokens as ids, and the text between two of them as one string. */
async function runsOf(parts: readonly PromptPart[], tokenizer: Tokenizer): Promise<readonly (string | number)[]> {
  const runs: (string | number)[] = [];
  let text = '';
  const flush = () => {
    if (text !== '') runs.push(text);
    text = '';
  };
  for (const part of parts) {
    if ('text' in part && part.ids !== undefined) {
      flush();
      for (const id of part.ids) runs.push(id);
      continue;
    }
    const id = 'text' in part ? undefined : await encodeControl(part, tokenizer);
    if (id === undefined) {
      text += 'text' in part ? part.text : part.control;
    } else {
      flush();
      runs.push(id);
    }
  }
  flush();
  return runs;
}

async function encodeControl(
  part: Extract<PromptPart, { control: string }>,
  tokenizer: Tokenizer,
): Promise<number | undefined> {
  try {
    return await tokenizer.controlId(part.control);
  } catch (error) {
    if (part.orText === true && error instanceof UnknownControlTokenError) return undefined;
    throw error;
  }
}

/**
 * Encodes the fixed strings of a format with the model's own tokenizer.
 *
 * @param options.bare whether the answer must be sampled from its first character on, without `forcedAnswerText`. @default false
 * @throws {UnknownControlTokenError} if the vocabulary lacks a control token of the format: it belongs to another family.
 */
export async function resolveFormat(
  format: Format,
  tokenizer: Tokenizer,
  { bare = false }: { readonly bare?: boolean } = {},
): Promise<FormatIds> {
  const forced = bare ? { ...format, forcedAnswerText: '', ...format.bare } : format;
  const thinkingEnds = await encodeEnds(format.thinkingEnds, tokenizer);
  const answerEnds = await encodeEnds(format.answerEnds, tokenizer);
  return {
    name: format.name,
    openThinking: await encodeParts(format.openThinking, tokenizer),
    skipThinking: await encodeParts(forced.skipThinking, tokenizer),
    thinkingEnds: [...thinkingEnds.keys()],
    openAnswer: await encodeParts(format.openAnswer, tokenizer),
    forceAnswer: await encodeParts(forced.forceAnswer, tokenizer),
    newline: format.newlineBeforeCut === false ? [] : await encodeParts([{ text: '\n' }], tokenizer),
    forcedAnswerText: forced.forcedAnswerText,
    answerEnds: [...answerEnds.keys()],
    endTexts: new Map([...thinkingEnds, ...answerEnds]),
  };
}

/** The ids of end tokens, with their texts. One that the vocabulary lacks is left out, unless it is the first: the family's own. */
async function encodeEnds(tokens: readonly string[], tokenizer: Tokenizer): Promise<ReadonlyMap<number, string>> {
  const ends = new Map<number, string>();
  for (const [index, token] of tokens.entries()) {
    try {
      ends.set(await tokenizer.controlId(token), token);
    } catch (error) {
      if (index === 0 || !(error instanceof UnknownControlTokenError)) throw error;
    }
  }
  return ends;
}

/** Encodes a conversation up to the assistant's turn, before the thinking is opened. */
export async function encodeTurns(
  format: Format,
  turns: Parameters<Format['renderTurns']>[0],
  tokenizer: Tokenizer,
  defaultSystem: string | undefined = format.defaultSystem,
  options: EncodeOptions & { readonly tools?: readonly Tool[] } = {},
): Promise<number[]> {
  return await encodeParts(format.renderTurns(withSystem(turns, defaultSystem), options.tools), tokenizer, options);
}

/** Adds a system message to a conversation that has none. */
export function withSystem(turns: readonly Turn[], system: string | undefined): readonly Turn[] {
  const hasSystem = turns.some((turn) => turn.role === 'system');
  return hasSystem || system === undefined ? turns : [{ role: 'system', content: [{ text: system }] }, ...turns];
}
