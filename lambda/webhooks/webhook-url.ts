import { isIP } from 'node:net';
import { isLocalAddress, isPublicAddress } from './public-address.ts';

/** Longest URL, in characters. */
const MAX_LENGTH = 2_048;

/** Which receivers are allowed. */
export interface ReceiverRules {
  /** Whether `http://` is allowed, and addresses of this machine and of private IPv4 networks: for tests on a laptop. */
  readonly allowLocal: boolean;
}

/** Why a URL cannot be a webhook's, or `undefined` if it can. The addresses of its host name are checked at each attempt. */
export function webhookUrlProblem(text: string, rules: ReceiverRules): string | undefined {
  if (text.length > MAX_LENGTH) return `has ${text.length} characters; at most ${MAX_LENGTH} are allowed`;
  if (!URL.canParse(text)) return 'is no URL. Give one that begins with https://';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(rules.allowLocal && url.protocol === 'http:'))
    return `begins with ${url.protocol}//. Give one that begins with https://`;
  if (url.username !== '' || url.password !== '') return 'has a user name or a password. Leave them out';
  const host = hostOf(url);
  if (isIP(host) !== 0 && !isAllowedAddress(host, rules)) return `has the address ${host}, which is not public`;
  return undefined;
}

/** Whether a receiver may have this address. */
export function isAllowedAddress(address: string, { allowLocal }: ReceiverRules): boolean {
  return isPublicAddress(address) || (allowLocal && isLocalAddress(address));
}

/** Host of a URL as DNS and sockets take it: an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}
