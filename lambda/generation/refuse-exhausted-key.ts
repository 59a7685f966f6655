import type { AppDependencies } from '../context.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ServedModel } from '../models/served-model.ts';
import { leastTokens } from '../tokenizer/least-tokens.ts';
import type { GenerationRequest } from './request.ts';

/** Texts of this length together are encoded sooner than the table is read, in UTF-16 code units. */
const SHORT_LENGTH = 8_192;

/**
 * Refuses a request whose key has nothing left, before its texts are encoded. Short texts that are not encoded by the model's server are
 * not worth a read of the table.
 *
 * @throws {ApiError} 429 with Retry-After if a limit of the key is reached
 * @throws {TableUnavailableError} if the key has limits and the table cannot be read
 */
export async function refuseExhaustedKey(
  texts: readonly string[],
  { settings }: ServedModel,
  { ledger }: Pick<AppDependencies, 'ledger'>,
  caller: Caller,
): Promise<void> {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length === 0 || (length <= SHORT_LENGTH && settings.tokenizer.kind !== 'endpoint')) return;
  await ledger?.refuseExhausted(caller, leastTokens(texts));
}

/** The texts of a request that are still to be encoded. */
export function textsToEncode({ turns, promptIds, tools, prefix }: GenerationRequest): readonly string[] {
  const given = [prefix?.thinking ?? '', prefix?.answer ?? ''];
  if (promptIds !== undefined) return given;
  return [
    ...turns.flatMap(({ content, thinking = '', calls = [] }) => [
      ...content.map((part) => ('text' in part ? part.text : part.control)),
      thinking,
      ...calls.map((call) => call.arguments),
    ]),
    ...(tools === undefined ? [] : [JSON.stringify(tools.tools)]),
    ...given,
  ];
}
