import { z } from 'zod';
import { type RuntimeErrorAnswer, runtimeErrors } from './runtime-errors.ts';

/** Errors of SageMaker Runtime before the first byte, by the name in a faults file. */
const namedErrors = {
  noCapacity: runtimeErrors.noCapacity,
  modelNotReady: runtimeErrors.modelNotReady,
  serviceUnavailable: runtimeErrors.serviceUnavailable,
  internalFailure: runtimeErrors.internalFailure,
  internalDependency: runtimeErrors.internalDependency,
  throttling: runtimeErrors.throttling,
  accessDenied: runtimeErrors.accessDenied,
} as const satisfies Record<string, () => RuntimeErrorAnswer>;

const errorNames = [
  'noCapacity',
  'modelNotReady',
  'serviceUnavailable',
  'internalFailure',
  'internalDependency',
  'throttling',
  'accessDenied',
] as const satisfies readonly (keyof typeof namedErrors)[];

/** How a stream breaks off. `cut` sends half of the frame's bytes; `stall` sends nothing more and stays open. */
const breaks = [
  'socket',
  'cut',
  'silent',
  'stall',
  'StreamBroken',
  'ModelInvocationTimeExceeded',
  'InternalStreamFailure',
  'unknownException',
  'corrupt',
  'halfJson',
] as const;

const place = z.int().min(0);

/** Fault of one call, as a faults file describes it. `{}` is a call without a fault. */
export const faultSchema = z
  .strictObject({
    /** Error response before the first byte. */
    error: z
      .enum(errorNames)
      .transform((name) => namedErrors[name]())
      .optional(),
    /** Number of chunks after which the stream breaks off. */
    breakAfterChunks: place.optional(),
    /** @default 'socket' */
    breakBy: z.enum(breaks).optional(),
    /** Delay before the first byte, in milliseconds. */
    startDelayMs: place.optional(),
    /** Whether the call returns an HTML page with status 200. */
    html: z.boolean().optional(),
    /** Number of the chunk that is not sent. */
    loseChunk: place.optional(),
    /** Number of the chunk that is sent twice. */
    repeatChunk: place.optional(),
    /** Bit that is flipped in the frame of a chunk. A place beyond the frame wraps. */
    flipBit: z.strictObject({ chunk: place, bit: place }).optional(),
    /** Splits payload parts into pieces of this size, in bytes. */
    partBytes: z.int().min(1).optional(),
    /** Writes the bytes to the socket in pieces of this size. */
    writeBytes: z.int().min(1).optional(),
    /** Delay between two tokens, in milliseconds. */
    tokenDelayMs: place.optional(),
    ignoreMinTokens: z.boolean().optional(),
    /** Whether the server leaves out the ids of its tokens. */
    omitTokenIds: z.boolean().optional(),
    extraField: z.boolean().optional(),
    /** Whether the server counts its tokens only at the end of a call. */
    finalUsageOnly: z.boolean().optional(),
    /** Tokens per chunk, as speculative decoding sends them. @default 1 */
    tokensPerChunk: z.int().min(1).optional(),
  })
  .readonly();

/** Fault of one call. */
export type Fault = z.output<typeof faultSchema>;

/** Faults of future calls: a faults file, and the body of `PUT /faults`. */
export const faultScriptSchema = z.strictObject({
  /** Faults of the next calls, one per call. */
  next: z.array(faultSchema).default([]),
  /** Fault of every later call. If omitted, later calls have none. */
  always: faultSchema.default({}),
});

/** Faults of future calls. Each call takes the next queued fault; if the queue is empty, `always` applies. */
export class Faults {
  readonly #next: Fault[] = [];
  #always: Fault = {};

  /** Queues faults for the next calls, one per call. */
  next(...faults: readonly Fault[]): void {
    this.#next.push(...faults);
  }

  /** Sets the fault of every call without a queued fault. */
  always(fault: Fault): void {
    this.#always = fault;
  }

  /** Replaces all faults by those of a script. */
  play(script: z.output<typeof faultScriptSchema>): void {
    this.clear();
    this.next(...script.next);
    this.always(script.always);
  }

  clear(): void {
    this.#next.length = 0;
    this.#always = {};
  }

  take(): Fault {
    return this.#next.shift() ?? this.#always;
  }
}

/**
 * Parses a faults file.
 *
 * @throws {Error} with the path of the wrong value
 */
export function parseFaultScript(text: string): z.output<typeof faultScriptSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error('The faults are not valid JSON. Write {"next": [{"breakAfterChunks": 5}]}.', { cause });
  }
  const parsed = faultScriptSchema.safeParse(json);
  if (!parsed.success) throw new Error(`The faults are not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
