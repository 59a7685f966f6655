import type { Format, Turn } from '../../../lambda/forcing/format.ts';
import { encodeParts, encodeTurns } from '../../../lambda/formats/encode-format.ts';
import { encodePrefix } from '../../../lambda/formats/encode-prefix.ts';
import type { Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import type { TrainingRow } from './training-row.ts';

/** Token ids of a row, as the function sends and reads them: what the model is trained on. */
export interface EncodedRow {
  readonly ids: readonly number[];
  /** How many of the ids are the prompt, which ends where the thinking is opened. */
  readonly promptLength: number;
}

/**
 * Encodes a row in the format in which the model is served.
 *
 * @throws {UnknownControlTokenError} if the vocabulary lacks a control token of the format
 */
export async function encodeRow(row: TrainingRow, format: Format, tokenizer: Tokenizer): Promise<EncodedRow> {
  const { system, question, thought, answer } = row;
  const turns: Turn[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: [{ text: system }] } as const]),
    { role: 'user', content: [{ text: question }] },
  ];
  const conversation = await encodeTurns(format, turns, tokenizer);
  const opened = await encodeParts(format.openThinking, tokenizer);
  const output = await encodePrefix(format, { thinking: thought, answer }, tokenizer);
  const end = await tokenizer.controlId(format.answerEnds[0] ?? '');
  return { ids: [...conversation, ...output, end], promptLength: conversation.length + opened.length };
}
