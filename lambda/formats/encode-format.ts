import type { Format, FormatIds, PromptPart } from '../forcing/format.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { UnknownControlTokenError } from '../tokenizer/unknown-control-token-error.ts';

/**
 * Encodes the parts of a prompt. Text between two control tokens is encoded as one string, as the model's own template does.
 *
 * @throws {UnknownControlTokenError} if the vocabulary lacks a control token that is not marked `orText`.
 */
export async function encodeParts(parts: readonly PromptPart[], tokenizer: Tokenizer): Promise<number[]> {
  const ids: number[] = [];
  let text = '';
  const flush = async () => {
    if (text !== '') for (const id of await tokenizer.encode(text)) ids.push(id);
    text = '';
  };
  for (const part of parts) {
    if ('text' in part) {
      text += part.text;
    } else {
      const id = await encodeControl(part, tokenizer);
      if (id === undefined) {
        text += part.control;
      } else {
        await flush();
        ids.push(id);
      }
    }
  }
  await flush();
  return ids;
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
): Promise<number[]> {
  const hasSystem = turns.some((turn) => turn.role === 'system');
  const whole =
    hasSystem || defaultSystem === undefined
      ? turns
      : [{ role: 'system', content: [{ text: defaultSystem }] } as const, ...turns];
  return await encodeParts(format.renderTurns(whole), tokenizer);
}
