import { ApiError } from '../errors/api-error.ts';
import type { FormatIds } from '../forcing/format.ts';
import type { UsageReservation } from '../keys/ledger.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { AdmittedGeneration } from './admit-request.ts';
import type { BegunGeneration, Continuation } from './continuation.ts';
import type { PreparedRequest } from './prepare-request.ts';

/** What the first segment keeps. */
export function toBegun(
  { format, promptIds, prefix, wait, laterWaits, passageTokens, retrieval }: PreparedRequest,
  { limits, shrunk, promptTokens, reservation }: AdmittedGeneration,
  { contextTokens }: Pick<ModelSettings, 'contextTokens'>,
  searches: number,
): BegunGeneration {
  return {
    fingerprint: fingerprintOf(format, wait.ids, contextTokens),
    ...{ promptIds, prefix, wait, laterWaits, limits, shrunk, passageTokens, retrieval, promptTokens, searches },
    ticket: reservation?.ticket,
  };
}

/**
 * The request as the first segment prepared it.
 *
 * @param format of the model as it is now
 * @param waitIds ids of the text of the first Wait as the model encodes it now
 * @throws {ApiError} 409 if the ids mean something else to the model as it is now
 */
export function toPrepared(
  { fingerprint, promptTokens: _promptTokens, searches: _searches, ticket: _ticket, ...prepared }: BegunGeneration,
  format: FormatIds,
  waitIds: readonly number[],
  { id, contextTokens }: Pick<ModelSettings, 'id' | 'contextTokens'>,
): PreparedRequest {
  if (fingerprint !== fingerprintOf(format, waitIds, contextTokens)) {
    throw new ApiError(
      409,
      `The model ${id} was changed while the response was generated: its tokens or its context window are others now. Ask again.`,
      { code: 'model_changed' },
    );
  }
  const { prefix, retrieval, ...rest } = prepared;
  return { ...rest, format, prefix, ...(retrieval === undefined ? {} : { retrieval }) };
}

/** The reservation of a generation whose segments settle nothing. */
export function deferred(reservation: UsageReservation, { onUsage }: Pick<Continuation, 'onUsage'>): UsageReservation {
  return {
    ...reservation,
    settle: async (used) => onUsage(used),
  };
}

function fingerprintOf(
  { name, openThinking, thinkingEnds, openAnswer, answerEnds, forceAnswer }: FormatIds,
  waitIds: readonly number[],
  contextTokens: number,
): string {
  return JSON.stringify([
    name,
    openThinking,
    thinkingEnds,
    openAnswer,
    answerEnds,
    forceAnswer,
    waitIds,
    contextTokens,
  ]);
}
