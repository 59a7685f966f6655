/**
 * Seed of the draw of one token: a hash (MurmurHash3 for 32 bits) of the sample's seed and the token's position in prompt and output.
 * So a draw depends on nothing that came before it, and a text that is continued after a break gets the draws that it would have got.
 *
 * @param position number of ids before the token
 * @returns a whole number from 0 to 2^31 - 1. llama.cpp takes 2^32 - 1 as "no seed"
 */
export function tokenSeed(sample: number, position: number): number {
  let hash = block(sample >>> 0, 0);
  // Seeds on the wire may have 64 bits.
  hash = block(Math.floor(sample / 2 ** 32) >>> 0, hash);
  hash = block(position, hash);
  hash ^= 12;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 1;
}

function block(value: number, hash: number): number {
  const mixed = Math.imul(rotate(Math.imul(value, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ mixed, 13), 5) + 0xe6546b64) | 0;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
