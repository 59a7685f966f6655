import type { Format, FormatIds, PromptPart } from '../forcing/format.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { UnknownControlTokenError } from '../tokenizer/unknown-control-token-error.ts';

/**
 * The token ids of a prompt's parts. Text between two control tokens is encoded in one go, as the model's own template does.
 *
 * @throws {UnknownControlTokenError} where the vocabulary lacks a control token of the format.
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
      const id = await controlIdOf(part, tokenizer);
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

async function controlIdOf(
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
 * The ids of a format's fixed strings, by the model's own tokenizer: never from a guess or another version's table.
 *
 * A text end (`<|endoftext|>`, say) that the vocabulary lacks is left out, as long as one end of each kind is there.
 *
 * @param options.bare whether what forces an answer leaves its text to the model from the first character on.
 * @throws {UnknownControlTokenError}
 */
export async function resolveFormat(
  format: Format,
  tokenizer: Tokenizer,
  { bare = false }: { readonly bare?: boolean } = {},
): Promise<FormatIds> {
  const forced = bare ? { ...format, forcedAnswerText: '', ...format.bare } : format;
  const endTexts = new Map<number, string>();
  const ends = async (tokens: readonly string[]): Promise<number[]> => {
    const found: number[] = [];
    let firstFailure: unknown;
    for (const token of tokens) {
      try {
        const id = await tokenizer.controlId(token);
        found.push(id);
        endTexts.set(id, token);
      } catch (error) {
        if (!(error instanceof UnknownControlTokenError)) throw error;
        firstFailure ??= error;
      }
    }
    // The first is the family's own delimiter: without it this is another family.
    const first = tokens[0];
    if (first === undefined || ![...endTexts.values()].includes(first)) throw firstFailure;
    return found;
  };
  return {
    name: format.name,
    openThinking: await encodeParts(format.openThinking, tokenizer),
    skipThinking: await encodeParts(forced.skipThinking, tokenizer),
    thinkingEnds: await ends(format.thinkingEnds),
    openAnswer: await encodeParts(format.openAnswer, tokenizer),
    forceAnswer: await encodeParts(forced.forceAnswer, tokenizer),
    newline: format.newlineBeforeCut === false ? [] : await encodeParts([{ text: '\n' }], tokenizer),
    forcedAnswerText: forced.forcedAnswerText,
    answerEnds: await ends(format.answerEnds),
    endTexts,
  };
}

/** The ids of a conversation up to the assistant's turn, the thinking not yet opened. */
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
