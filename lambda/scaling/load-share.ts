import { heldBy, type Lease } from '../policy/committed-tokens.ts';
import { type ExpectedUse, unknownUse } from '../policy/expected-use.ts';

/** The sums of a load, each with the letter under which the table keeps it. Whole numbers. */
export const shareLetters = {
  requests: 'n',
  waitingRequests: 'w',
  reservedTokens: 'r',
  promptTokens: 'p',
  waitingPromptTokens: 'q',
  limitTokens: 'l',
  usedTokens: 'u',
} as const;
export type ShareField = keyof typeof shareLetters;
export const shareFields = Object.keys(shareLetters) as readonly ShareField[];

/** What one request, or a difference, adds to the load. See `Load` of lambda/policy. */
export type LoadShare = Readonly<Record<ShareField, number>>;

export const noShare: LoadShare = shareOfFields(() => 0);

export function shareOfFields(value: (field: ShareField, index: number) => number): LoadShare {
  return Object.fromEntries(shareFields.map((field, index) => [field, value(field, index)])) as LoadShare;
}

interface CountedLease extends Lease {
  readonly endedAt?: number | undefined;
  readonly refused?: boolean | undefined;
}

/**
 * What a lease adds to the load: nothing if its request has ended or was refused. Whether the lease has expired is not considered.
 *
 * @param use of a lease without a reservation, which only older versions wrote
 */
export function shareOf(lease: CountedLease, use: ExpectedUse = unknownUse()): LoadShare {
  if (lease.endedAt !== undefined || lease.refused === true) return noShare;
  const { promptTokens, limitTokens, usedTokens } = lease;
  const waits = usedTokens === 0;
  return {
    requests: 1,
    waitingRequests: waits ? 1 : 0,
    reservedTokens: heldBy(lease, use).reservedTokens,
    promptTokens,
    waitingPromptTokens: waits ? promptTokens : 0,
    limitTokens,
    usedTokens: Math.min(usedTokens, limitTokens),
  };
}
