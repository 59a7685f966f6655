import { BlockList, isIP } from 'node:net';

/** Addresses that mean the caller itself, or the metadata service of its machine (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const own = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const) {
  own.addSubnet(network, prefix, 'ipv4');
}
own.addAddress('::1', 'ipv6');
own.addSubnet('fe80::', 10, 'ipv6');

/** Address ranges that are not routed on the internet. */
const inNetworks = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  inNetworks.addSubnet(network, prefix, 'ipv4');
}
inNetworks.addSubnet('fc00::', 7, 'ipv6');

/**
 * Where a host is, by its address or its name: `own`, the caller itself; `private`, a network without a route from the internet; `public`,
 * anything else. A public name may still lead to a private address.
 *
 * @param hostname of a URL, an IPv6 address in brackets
 */
export function placeOf(hostname: string): 'own' | 'private' | 'public' {
  const host = hostname.replace(/^\[|\]$/g, '');
  const version = isIP(host);
  if (version === 0) {
    if (/(?:^|\.)localhost\.?$/.test(host)) return 'own';
    return !host.includes('.') || /\.(internal|local|svc)\.?$/.test(host) ? 'private' : 'public';
  }
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return own.check(host, family) ? 'own' : inNetworks.check(host, family) ? 'private' : 'public';
}
