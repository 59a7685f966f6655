import type { Format, OutputPrefix } from '../forcing/format.ts';
import type { EncodeOptions, Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeParts } from './encode-format.ts';

/**
 * Encodes the beginning of an output, as the model would have sampled it. Its text is encoded as ordinary text, never as control
 * tokens. A thought alone gives the ids after the opened thinking. With an answer the ids follow the conversation: the thought (or
 * the skipped thinking) with its delimiters, and the answer. Empty if the prefix is empty.
 */
export async function encodePrefix(
  format: Format,
  prefix: OutputPrefix,
  tokenizer: Tokenizer,
  options: EncodeOptions = {},
): Promise<number[]> {
  const { thinking = '', answer = '' } = prefix;
  const thought = thinking === '' ? '' : withStart(thinking, format.thinkingStart);
  if (answer === '') return await encodeParts([{ text: thought }], tokenizer, options);
  if (thought === '') {
    // Without the words of a forced answer: the given answer stands in their place.
    const skipThinking = format.bare?.skipThinking ?? format.skipThinking;
    return await encodeEach([skipThinking, [{ text: answer }]], tokenizer, options);
  }
  // The model ends its thought with a newline, which is often part of a token with what precedes it.
  const closes = format.newlineBeforeCut === false || thought.endsWith('\n') ? '' : '\n';
  return await encodeEach(
    [
      format.openThinking,
      [{ text: thought + closes }],
      format.openAnswer,
      [{ text: withStart(answer, format.answerStart) }],
    ],
    tokenizer,
    options,
  );
}

/** Shown texts lack the newlines with which the model begins a part. A text that begins with one is taken as it is. */
function withStart(text: string, start = ''): string {
  return text.startsWith('\n') ? text : start + text;
}

/** Encodes the parts separately, since what is sampled begins with a token of its own. */
async function encodeEach(
  parts: readonly Parameters<typeof encodeParts>[0][],
  tokenizer: Tokenizer,
  options: EncodeOptions,
): Promise<number[]> {
  const ids: number[] = [];
  for (const part of parts) for (const id of await encodeParts(part, tokenizer, options)) ids.push(id);
  return ids;
}
