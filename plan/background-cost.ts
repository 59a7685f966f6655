import { FLUSH_TOKENS, MAX_FLUSH_SECONDS } from '../lambda/background/flush-rule.ts';
import type { Config } from '../lib/config.ts';
import type { Prices } from '../lib/facts/prices.ts';
import type { ModelPlan } from './plan.ts';

/** Tokens for which the costs are given. */
const TOKENS = 100_000;
/** Bytes of a token in the log: its id with a comma, and its text. */
const BYTES_PER_TOKEN = 12;
/** Bytes of a record without its tokens: keys, names of fields, the fields of an event. */
const BYTES_PER_RECORD = 600;
/** DynamoDB charges writes by this size, in bytes. */
const UNIT_BYTES = 1_024;
/** Tokens a second if the speed of the model is unknown. */
const USUAL_SPEED = 30;
/** Memory of the function if the config has none, in MB. */
const DEFAULT_MEMORY_MB = 1_769;

/** What it costs to keep the tokens of a response in the background, and to wait for them. */
export interface BackgroundCost {
  readonly writes: number;
  readonly writeDollars: number;
  /** Cost of the function while the model works. Waiting for a place costs nothing. */
  readonly functionDollars: number;
}

/**
 * Estimates the cost of 100,000 tokens in the background, beside that of the GPUs.
 *
 * @param tokensPerSecond decode speed of one request
 */
export function backgroundCost(tokensPerSecond: number, memoryMb: number, prices: Prices): BackgroundCost {
  const perRecord = Math.max(1, Math.min(FLUSH_TOKENS, tokensPerSecond * MAX_FLUSH_SECONDS));
  const writes = Math.ceil(TOKENS / perRecord);
  const units = writes * Math.ceil((BYTES_PER_RECORD + BYTES_PER_TOKEN * perRecord) / UNIT_BYTES);
  return {
    writes,
    writeDollars: (units / 1e6) * prices.tableMillionWrites,
    functionDollars: (TOKENS / tokensPerSecond) * (memoryMb / 1_024) * prices.lambdaGbSecond,
  };
}

/** What a reader of the plan should know of the background, if the config has it. */
export function backgroundNote(config: Config, models: readonly ModelPlan[], prices: Prices): string | undefined {
  if (config.background === undefined) return undefined;
  const speed = models.find(({ estimatedSpeed }) => estimatedSpeed !== undefined)?.estimatedSpeed;
  const tokensPerSecond = speed === undefined ? USUAL_SPEED : 1 / speed.stepSeconds;
  const cost = backgroundCost(tokensPerSecond, config.api.memoryMb ?? DEFAULT_MEMORY_MB, prices);
  return `background: 100,000 tokens at ${Math.round(tokensPerSecond)} tokens a second are ${cost.writes} writes of the table, about $${cost.writeDollars.toFixed(4)}, and $${cost.functionDollars.toFixed(2)} of the function, which waits for the model. Waiting for a copy costs nothing. Not counted in the amounts above.`;
}
