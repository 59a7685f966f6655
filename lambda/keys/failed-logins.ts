import { ApiError } from '../errors/api-error.ts';

/** Failed logins of a source within a window, above which it has to wait. */
const MAX_FAILURES = 30;
/** Length of a window, in seconds. */
const WINDOW_SECONDS = 60;
/** Maximum of remembered sources, and of remembered keys. The one that was added first is forgotten. */
const MAX_REMEMBERED = 10_000;

/**
 * Failed logins by their source, in the memory of one process. A source with too many is refused before its key is checked, so that
 * guesses tell it nothing and cost no read of the table. Keys that were valid in this process are still checked: other clients behind
 * the same address go on.
 */
export class FailedLogins {
  readonly #unixTime: () => number;
  readonly #failures = new Map<string, { readonly since: number; count: number }>();
  readonly #validKeys = new Set<string>();

  constructor(unixTime: () => number) {
    this.#unixTime = unixTime;
  }

  /** @throws {ApiError} 429 with Retry-After if the source has failed too often */
  check(source: string, keyHash: string): void {
    const failed = this.#failures.get(groupOf(source));
    if (failed === undefined || failed.count < MAX_FAILURES || this.#validKeys.has(keyHash)) return;
    const left = failed.since + WINDOW_SECONDS - this.#unixTime();
    if (left <= 0) return;
    throw new ApiError(429, `Too many requests with keys that are not valid. Retry in ${left} s with a valid key.`, {
      code: 'too_many_failed_logins',
      headers: { 'retry-after': String(left) },
    });
  }

  failed(source: string): void {
    const group = groupOf(source);
    const now = this.#unixTime();
    const known = this.#failures.get(group);
    if (known !== undefined && now < known.since + WINDOW_SECONDS) {
      known.count++;
      return;
    }
    this.#failures.delete(group);
    this.#failures.set(group, { since: now, count: 1 });
    forgetFirst(this.#failures);
  }

  succeeded(keyHash: string): void {
    this.#validKeys.add(keyHash);
    forgetFirst(this.#validKeys);
  }
}

/** An IPv4 address, or the /64 network of an IPv6 address, which one customer has for himself. */
function groupOf(source: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(source)?.[1];
  if (mapped !== undefined || !source.includes(':')) return mapped ?? source;
  const [head = '', tail] = source.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const zeros = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...(tail ?? '').split(':')]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}

function forgetFirst(remembered: Map<string, unknown> | Set<string>): void {
  if (remembered.size <= MAX_REMEMBERED) return;
  const [first] = remembered.keys();
  if (first !== undefined) remembered.delete(first);
}
