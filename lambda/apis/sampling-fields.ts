import * as z from 'zod';

/** Engines compute with 32-bit numbers: a positive number below the least of them is 0 there, and a division by it is infinite. */
const MIN_REPETITION_PENALTY = 0.01;
const MAX_INT32 = 2 ** 31 - 1;

/** Seeds of other APIs have 64 bits. In JavaScript these are exact. Every call of a model server gets a seed of its own (`callSeed`). */
const MAX_SEED = 2 ** 53 - 2 ** 10;

/** `top_k` for all dialects. 0 and -1 keep all tokens. */
export const topK = z.int().min(-1).max(MAX_INT32);

/** A token id. */
export const tokenId = z.int().min(0).max(MAX_INT32);

/** Maximum of a count of tokens. Sums of counts stay exact. */
export const MAX_TOKENS = MAX_INT32;

/** Sampling fields of chat and completions. */
export const samplingFields = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: topK.nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().min(MIN_REPETITION_PENALTY).max(10).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.int().min(-MAX_SEED).max(MAX_SEED).nullish(),
} as const;

/** Below it, a temperature is 0: greedy decoding. vLLM does the same, and smaller numbers overflow when logits are divided by them. */
const MIN_TEMPERATURE = 1e-5;
/** A share of the probability below which no token of a vocabulary can be the most likely one. */
const MIN_SHARE = 1e-6;

/** The temperature as engines can compute with it. */
export function flooredTemperature(temperature: number): number {
  return temperature < MIN_TEMPERATURE ? 0 : temperature;
}

/** `top_p` as engines can compute with it. The floor keeps the most likely token alone, as any smaller number would. */
export function flooredTopP(topP: number): number {
  return Math.max(MIN_SHARE, topP);
}

/** `min_p` as engines can compute with it: so small a share of the most likely token excludes nothing that is ever sampled. */
export function flooredMinP(minP: number): number {
  return minP < MIN_SHARE ? 0 : minP;
}

/** A penalty that is added, as engines can compute with it. */
export function flooredPenalty(penalty: number): number {
  return Math.abs(penalty) < MIN_SHARE ? 0 : penalty;
}
