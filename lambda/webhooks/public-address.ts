import { BlockList, isIP } from 'node:net';

/**
 * IPv4 addresses that are not of the public internet.
 *
 * Source: https://www.iana.org/assignments/iana-ipv4-special-registry
 */
const SPECIAL_IPV4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, with the metadata services of EC2 and ECS.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved and broadcast.
  ['224.0.0.0', 3],
];

/** All public IPv6 addresses are in this network; IPv4-mapped, unique local, link-local and multicast ones, and NAT64, are not. */
const GLOBAL_IPV6 = ['2000::', 3] as const;

/**
 * Networks in `GLOBAL_IPV6` that are not of the public internet, or that embed an IPv4 address.
 *
 * Source: https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const SPECIAL_IPV6: typeof SPECIAL_IPV4 = [
  // Protocol assignments: Teredo, benchmarking, ORCHID and others.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4.
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
];

/** Addresses of this machine and of the networks around it. */
const LOCAL: typeof SPECIAL_IPV4 = [
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
];

const special = listOf(SPECIAL_IPV4, 'ipv4');
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6');
const globalIpv6 = listOf([GLOBAL_IPV6], 'ipv6');
const local = listOf(LOCAL, 'ipv4');
local.addAddress('::1', 'ipv6');

/** Whether an IP address is of the public internet. Anything that is no IP address is not. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special.check(address, 'ipv4');
  return version === 6 && globalIpv6.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** Whether an IP address is of this machine or of a private IPv4 network. */
export function isLocalAddress(address: string): boolean {
  const version = isIP(address);
  // `check` would find an IPv4-mapped address among the IPv4 networks.
  if (version === 6) return address === '::1';
  return version === 4 && local.check(address, 'ipv4');
}

function listOf(networks: typeof SPECIAL_IPV4, family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family);
  return list;
}
