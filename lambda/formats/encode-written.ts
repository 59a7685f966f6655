import type { Format, OutputPrefix } from '../forcing/format.ts';
import type { WrittenText } from '../forcing/plan.ts';
import type { EncodeOptions, Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeParts } from './encode-format.ts';

/**
 * Encodes an output that another model has begun, as this one would have sampled it, to continue the part that was running. The text
 * becomes ordinary text, never control tokens.
 *
 * @param prefix the beginning of the output that the request gave
 * @returns the ids after the conversation, and how many of the last are the running part
 */
export async function encodeWritten(
  format: Format,
  prefix: OutputPrefix,
  written: WrittenText,
  tokenizer: Tokenizer,
  options: EncodeOptions = {},
): Promise<{ readonly ids: readonly number[]; readonly partLength: number }> {
  const encode = async (parts: Parameters<typeof encodeParts>[0]) => await encodeParts(parts, tokenizer, options);
  const given = begun(prefix.thinking, format.thinkingStart);
  // As in a given answer: the model ends its thought with a newline.
  const closed =
    (prefix.answer ?? '') === '' || given === '' || given.endsWith('\n') || format.newlineBeforeCut === false;
  const thinking = given + (closed ? '' : '\n') + written.thinking;
  if (written.part === 'thinking') {
    const thought = await encode([{ text: thinking }]);
    return { ids: [...(await encode(format.openThinking)), ...thought], partLength: thought.length };
  }
  const answer = await encode([{ text: begun(prefix.answer, format.answerStart) + written.answer }]);
  const before =
    thinking === ''
      ? // Without the words of a forced answer, which are part of the written answer.
        [await encode(format.bare?.skipThinking ?? format.skipThinking)]
      : [await encode(format.openThinking), await encode([{ text: thinking }]), await encode(format.openAnswer)];
  return { ids: [...before.flat(), ...answer], partLength: answer.length };
}

/** A given text, with the newlines that precede shown text of its part. */
function begun(given = '', start = ''): string {
  return given === '' || given.startsWith('\n') ? given : start + given;
}
