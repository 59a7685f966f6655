import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { UsedTokens } from '../keys/ledger.ts';
import type { AdmittedGeneration } from './admit-request.ts';
import { type SampleAccount, toChatUsage } from './usage.ts';

/**
 * Passes events on and, when they end, fail or are no longer read, releases the lease of the load and settles the used tokens
 * with the key's reservation.
 *
 * @param accounts filled by the samples as they end.
 */
export async function* releaseAtEnd<Event>(
  events: AsyncGenerator<Event>,
  { admission, reservation, promptTokens }: AdmittedGeneration,
  accounts: readonly SampleAccount[],
  log: Log,
): AsyncGenerator<Event> {
  admission?.admitted.begin();
  try {
    yield* events;
  } finally {
    // A failure to write either must not hide the answer, nor keep the other from being written.
    await admission?.admitted.end().catch((error: unknown) => {
      log('error', 'load lease not released', loggableError(error));
    });
    const used = toUsedTokens(promptTokens, accounts);
    await reservation?.settle(used).catch((error: unknown) => {
      // With the tokens, so that they can be counted from the log.
      log('error', 'usage not settled', { ...reservation.request, ...used, ...loggableError(error) });
    });
  }
}

function toUsedTokens(promptTokens: number, accounts: readonly SampleAccount[]): UsedTokens {
  const sum = (select: (report: SampleAccount['report']) => number) =>
    accounts.reduce((total, { report }) => total + select(report), 0);
  return {
    prompt: promptTokens,
    cached: toChatUsage(accounts).prompt_tokens_details.cached_tokens,
    thinking: sum((report) => report.thinkingTokens),
    answer: sum((report) => report.answerTokens),
    forced: sum((report) => report.forcedTokens),
    probe: sum((report) => report.probeTokens),
    aborted: sum((report) => report.abortedTokens),
  };
}
