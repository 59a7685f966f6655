import { lookup as resolveName } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { hostOf, isAllowedAddress, type ReceiverRules, webhookUrlProblem } from './webhook-url.ts';

/** Time limit of an attempt from the look-up of the name to the headers of the answer, in milliseconds. */
const ATTEMPT_MS = 15_000;

export interface PostOptions extends ReceiverRules {
  /** Resolves a host name to all its addresses. @default - the operating system's resolver */
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;
  /** Time limit of an attempt, in milliseconds. @default 15,000 */
  readonly timeoutMs?: number;
}

/** The receiver's host has an address that is not allowed, or the URL is not. */
export class ForbiddenReceiverError extends Error {
  override readonly name = 'ForbiddenReceiverError';
}

/**
 * Posts a body once. Resolves the host name, refuses it if any of its addresses is not allowed, and connects to the checked addresses:
 * a name that resolves differently a moment later has no effect. Redirects are not followed, and the body of the answer is not read.
 *
 * @returns the status of the answer
 * @throws {ForbiddenReceiverError} without a connection
 * @throws {Error} if the receiver cannot be reached in time
 */
export async function postEvent(
  url: string,
  { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
  { resolve = systemResolver, timeoutMs = ATTEMPT_MS, ...rules }: PostOptions,
): Promise<number> {
  const problem = webhookUrlProblem(url, rules);
  if (problem !== undefined) throw new ForbiddenReceiverError(`The URL ${problem}.`);
  const target = new URL(url);
  const signal = AbortSignal.timeout(timeoutMs);
  const addresses = await raced(checkedAddresses(hostOf(target), resolve, rules), signal);
  // Node calls it in place of its resolver. It does not for an IP address, which is checked above.
  const lookup: LookupFunction = (_host, { all }, callback) => {
    const [first] = addresses;
    if (all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
  const send = target.protocol === 'http:' ? requestHttp : requestHttps;
  return await new Promise<number>((resolved, rejected) => {
    const request = send(
      target,
      {
        method: 'POST',
        agent: false,
        lookup,
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'Budgetforce-Webhooks',
          ...headers,
        },
      },
      (response) => {
        resolved(response.statusCode ?? 0);
        response.destroy();
      },
    );
    request.on('error', rejected);
    request.end(body);
  });
}

async function checkedAddresses(host: string, resolve: NonNullable<PostOptions['resolve']>, rules: ReceiverRules) {
  const family = isIP(host);
  const addresses = family === 0 ? await resolve(host) : [{ address: host, family }];
  if (addresses.length === 0) throw new Error('The host name has no address.');
  const forbidden = addresses.find(({ address }) => !isAllowedAddress(address, rules));
  if (forbidden === undefined) return addresses;
  throw new ForbiddenReceiverError(`The host has the address ${forbidden.address}, which is not public.`);
}

const systemResolver: NonNullable<PostOptions['resolve']> = async (host) => await resolveName(host, { all: true });

/** The operating system's resolver cannot be aborted, so its result is dropped after the time limit. */
async function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
