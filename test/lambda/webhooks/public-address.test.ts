import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLocalAddress, isPublicAddress } from '../../../lambda/webhooks/public-address.ts';

describe('isPublicAddress', () => {
  it.each([
    ['this network', '0.0.0.0'],
    ['private', '10.1.2.3'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['loopback', '127.0.0.1'],
    ['link-local', '169.254.1.1'],
    ['metadata of EC2', '169.254.169.254'],
    ['metadata of ECS', '169.254.170.2'],
    ['private', '172.16.0.1'],
    ['private, last', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['documentation', '192.0.2.1'],
    ['benchmarking', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified, IPv6', '::'],
    ['loopback, IPv6', '::1'],
    ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
    ['IPv4-mapped, in hex', '::ffff:7f00:1'],
    ['IPv4-mapped public', '::ffff:8.8.8.8'],
    ['IPv4-compatible', '::127.0.0.1'],
    ['NAT64 of metadata', '64:ff9b::a9fe:a9fe'],
    ['6to4 of loopback', '2002:7f00:1::1'],
    ['Teredo', '2001:0:53aa:64c::1'],
    ['documentation, IPv6', '2001:db8::1'],
    ['documentation, IPv6', '3fff::1'],
    ['unique local', 'fc00::1'],
    ['metadata of EC2, IPv6', 'fd00:ec2::254'],
    ['link-local, IPv6', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['multicast, IPv6', 'ff02::1'],
    ['no address', 'localhost'],
    ['no address', '127.1'],
    ['empty', ''],
  ])('%s (%s) is not', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::8'])(
    '%s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it('no IPv4 address is public in its IPv4-mapped form', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(isPublicAddress(`::ffff:${address}`)).toBe(false);
      }),
    );
  });

  it('no address is public and local at once', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(isPublicAddress(address) && isLocalAddress(address)).toBe(false);
      }),
    );
  });
});

describe('isLocalAddress', () => {
  it.each(['127.0.0.1', '10.0.0.1', '172.17.0.2', '192.168.0.1', '::1'])('%s is', (address) => {
    expect(isLocalAddress(address)).toBe(true);
  });

  it.each(['169.254.169.254', 'fd00:ec2::254', '::ffff:127.0.0.1', '224.0.0.1', '8.8.8.8'])('%s is not', (address) => {
    expect(isLocalAddress(address)).toBe(false);
  });
});
