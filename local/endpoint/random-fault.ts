import { type Fault, faultScriptSchema } from './faults.ts';

/** A number from 0 up to, but without, `below`. */
export type RandomInt = (below: number) => number;

/** Seeded random integers (mulberry32), so that the same seed plays the same faults everywhere. */
export function seededRandom(seed: number): RandomInt {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Chunks after which a stream breaks at most: most calls of the embedded model have more. */
const MAX_PLACE = 24;

/** Each kind of fault: the faults of the next calls, at random places. */
const makers = {
  none: () => [{}],
  cut: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'cut' }],
  reset: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'socket' }],
  earlyEnd: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'silent' }],
  stall: (random) => [{ breakAfterChunks: 1 + random(MAX_PLACE), breakBy: 'stall' }],
  flippedBit: (random) => [{ flipBit: { chunk: random(MAX_PLACE), bit: random(4_096) } }],
  lostChunk: (random) => [{ loseChunk: random(MAX_PLACE) }],
  repeatedChunk: (random) => [{ repeatChunk: random(MAX_PLACE) }],
  refragmented: (random) => [{ partBytes: 1 + random(200), writeBytes: 1 + random(400) }],
  streamBroken: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'StreamBroken' }],
  eightMinutes: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'ModelInvocationTimeExceeded' }],
  internalStreamFailure: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'InternalStreamFailure' }],
  unknownException: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'unknownException' }],
  halfJson: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'halfJson' }],
  html: () => [{ html: true }],
  throttled: () => [{ error: 'throttling' }],
  notReady: () => [{ error: 'modelNotReady' }],
  // A copy that dies takes its stream along, then the endpoint has no copy until the next one starts.
  copyDies: (random) => [{ breakAfterChunks: random(MAX_PLACE), breakBy: 'socket' }, { error: 'serviceUnavailable' }],
  unevenTokens: (random) => [{ tokensPerChunk: 1 + random(5), breakAfterChunks: random(8) }],
} as const satisfies Record<string, (random: RandomInt) => readonly Record<string, unknown>[]>;

export type FaultKind = keyof typeof makers;

/** Every kind, in a fixed order. */
export const faultKinds: readonly FaultKind[] = [
  'none',
  'cut',
  'reset',
  'earlyEnd',
  'stall',
  'flippedBit',
  'lostChunk',
  'repeatedChunk',
  'refragmented',
  'streamBroken',
  'eightMinutes',
  'internalStreamFailure',
  'unknownException',
  'halfJson',
  'html',
  'throttled',
  'notReady',
  'copyDies',
  'unevenTokens',
];

/** Returns the faults of the next calls for a kind, at random places. */
export function randomFaults(kind: FaultKind, random: RandomInt): readonly Fault[] {
  return faultScriptSchema.parse({ next: makers[kind](random) }).next;
}
