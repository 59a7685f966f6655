import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { ApiError } from '../lambda/errors/api-error.ts';
import { isAllowedOrigin } from '../lambda/http/cors.ts';

export interface TrustOptions {
  /** Address that the server listens on, as given. */
  readonly host: string;
  /** Further names under which clients may address the server. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages that may call the API (`corsOriginSchema`). */
  readonly allowedOrigins: readonly string[];
}

/** Names of the container's host in Docker and Podman. No one can register a name under .internal. */
const CONTAINER_HOSTS = ['host.docker.internal', 'host.containers.internal'];

/**
 * Checks the sender of a request to a server without a key, which the user's browser can reach on behalf of any page.
 *
 * A page of another site that resolves its own name to this machine (DNS rebinding) sends that name as Host. An IP address cannot be
 * rebound, nor can `localhost`. A page that posts across sites sends its own Origin, even if CORS keeps the response from it.
 *
 * @throws {ApiError} 403 if the Host or the Origin is foreign
 */
export function checkSender(headers: Headers, options: TrustOptions): void {
  const host = headers.get('host') ?? '';
  if (!isOwnHost(hostnameOf(host), options)) {
    throw new ApiError(
      403,
      `This server needs no key, so it does not answer to the host name ${JSON.stringify(host.slice(0, 128))}. Use localhost or an IP address, start it with --allow-host NAME, or require a key with --api-key KEY.`,
      { code: 'foreign_host' },
    );
  }
  const origin = headers.get('origin');
  if (origin === null || origin === `http://${host}` || origin === `https://${host}`) return;
  if (isAllowedOrigin(origin, options.allowedOrigins)) return;
  throw new ApiError(
    403,
    `This server needs no key, so pages of ${JSON.stringify(origin.slice(0, 128))} may not call it. Start it with --allow-origin ORIGIN, or require a key with --api-key KEY.`,
    { code: 'foreign_origin' },
  );
}

/** The name without the port, in lower case: `localhost` of `LOCALHOST:8787`, `[::1]` of `[::1]:8787`. */
function hostnameOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '');
}

function isOwnHost(name: string, { host, allowedHosts }: TrustOptions): boolean {
  const bare = name.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0 || name === 'localhost' || name.endsWith('.localhost') || CONTAINER_HOSTS.includes(name))
    return true;
  const own = [host, ...allowedHosts];
  // Other machines address this one by its name, or a container by the name of its service.
  if (!isLoopback(host)) own.push(hostname(), `${hostname()}.local`);
  return own.some((entry) => entry.toLowerCase() === name) || (!isLoopback(host) && /^[a-z0-9_-]+$/.test(name));
}

/** Whether only this machine can reach a server that listens on the address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
