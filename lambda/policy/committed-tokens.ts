import { type ExpectedUse, expectedTokens } from './expected-use.ts';

/** What a request was granted at admission, in tokens. */
export interface Grant {
  readonly promptTokens: number;
  /** Maximum of thinking and answer, over all samples. */
  readonly limitTokens: number;
  /** Minimum of thinking, over all samples. */
  readonly minTokens: number;
}

/** A grant and its reservation: what an admitted request holds of the endpoint. */
export interface Held extends Grant {
  /** Expected prompt and output, fixed at admission. Only `release` changes it. */
  readonly reservedTokens: number;
}

/** The load lease of an admitted request. The function that serves the request renews it; if the function dies, it expires. */
export interface Lease extends Grant {
  /** Id of the API key that sent the request. */
  readonly key: string;
  /** Thinking and answer tokens at the last renewal. */
  readonly usedTokens: number;
  /** Expiry, as Unix time in seconds. */
  readonly until: number;
  /** See `Held`. @default - computed from the current expected use, for a request whose admission is pending */
  readonly reservedTokens?: number | undefined;
}

/** Tokens that the request may still use. They are known at admission because limits are exact. */
export function committedTokens({ limitTokens }: Pick<Grant, 'limitTokens'>, usedTokens: number): number {
  return Math.max(0, limitTokens - usedTokens);
}

/** Prompt and output tokens that the request is expected to have when it ends, in whole tokens. */
export function reservedTokens(grant: Grant, use: ExpectedUse): number {
  return grant.promptTokens + Math.round(expectedTokens(use, grant.limitTokens, grant.minTokens));
}

/** The lease with its reservation. */
export function heldBy<Of extends Lease>(lease: Of, use: ExpectedUse): Of & Held {
  return { ...lease, reservedTokens: lease.reservedTokens ?? reservedTokens(lease, use) };
}
