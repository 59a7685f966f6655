import { createHash } from 'node:crypto';

/** Seeds are whole numbers from 0 up to this one: every server takes them. */
const SEEDS = 2 ** 31;

/**
 * Seed of one sample of a request. Equal seeds of clients give unrelated samples for other prompts and other samples.
 *
 * @param seed the client's seed, any safe integer
 * @param sample index of the sample, from 0
 * @param promptIds the conversation, without a given beginning of the output
 */
export function sampleSeed(seed: number, sample: number, promptIds: readonly number[]): number {
  return hashOf(`sample ${seed} ${sample}`, promptIds);
}

/**
 * Seed of one call of the model, whose prompt is the ids so far: each call of a sample has another one, since a server begins the
 * same random numbers again for the same seed.
 *
 * It is the sample's seed plus a hash of the ids. So a server that knows the sum can draw by position instead (`sampleSeedOf`).
 */
export function callSeed(sample: number, idsSoFar: readonly number[]): number {
  return (sample + hashOf('call', idsSoFar)) % SEEDS;
}

/** The sample's seed of a call, the inverse of `callSeed`. A seed that was made in another way becomes one that differs by prompt. */
export function sampleSeedOf(call: number, idsSoFar: readonly number[]): number {
  const difference = (call - hashOf('call', idsSoFar)) % SEEDS;
  return difference < 0 ? difference + SEEDS : difference;
}

function hashOf(name: string, ids: readonly number[]): number {
  return createHash('sha256').update(`${name}\n`).update(Uint32Array.from(ids)).digest().readUInt32BE(0) >>> 1;
}
