import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import { HOURS_PER_MONTH, type Prices } from '../lib/facts/prices.ts';
import { decodeSpeed } from '../lib/serving/decode-speed.ts';
import type { GpuMemory } from '../lib/serving/gpu-memory.ts';
import { monthlyCost } from './monthly-cost.ts';
import type { ApiPrice, BreakEven, HourlyCost } from './plan.ts';
import { averageContext, loadOf, type PlannedTraffic } from './traffic.ts';

/**
 * Estimates from which traffic on a deployment costs less than another API. Between two numbers of copies the cost of a month is a
 * line over the traffic, so each such range has at most one crossing.
 *
 * @returns `undefined` if memory or instance type are unknown.
 */
export function breakEven(
  config: HostedConfig,
  model: ModelConfig,
  memory: GpuMemory | undefined,
  traffic: Omit<PlannedTraffic, 'requestsPerDay'>,
  hourly: HourlyCost,
  prices: Prices,
  price: ApiPrice,
): BreakEven | undefined {
  const type = findInstanceType(config.endpoint.instanceType);
  if (memory === undefined || type === undefined) return undefined;
  const speed = decodeSpeed(memory, type, {
    requests: model.requestsPerCopy,
    contextTokens: averageContext({ ...traffic, requestsPerDay: 1 }),
    efficiency: prices.assumptions.decodeEfficiency,
  });
  const { secondsPerRequest } = loadOf({ ...traffic, requestsPerDay: 1 }, speed);
  const perCopy = (speed.requests * traffic.activeHours * 3_600) / secondsPerRequest;
  const apiDollarsPerRequest =
    (traffic.promptTokens * price.input + (traffic.thinkingTokens + traffic.answerTokens) * price.output) / 1e6;
  const api = (requestsPerDay: number) => requestsPerDay * (HOURS_PER_MONTH / 24) * apiDollarsPerRequest;
  const own = (requestsPerDay: number) =>
    monthlyCost(config, model, memory, { ...traffic, requestsPerDay }, hourly, prices)?.dollars.total ?? Number.NaN;
  const ranges: { from: number; to: number }[] = [];
  for (let copies = 1; copies <= model.copies.max; copies++) {
    const found = cheaperRange(own, api, (copies - 1) * perCopy, copies * perCopy);
    const last = ranges.at(-1);
    if (found === undefined) continue;
    if (last !== undefined && found.from - last.to < 1) last.to = found.to;
    else ranges.push(found);
  }
  const cheaper = ranges
    .map(({ from, to }) => ({ from: Math.ceil(from), to: Math.floor(to) }))
    .filter(({ from, to }) => from <= to);
  const [first] = cheaper;
  return {
    price,
    traffic,
    apiDollarsPerRequest,
    capacityPerDay: Math.floor(model.copies.max * perCopy),
    cheaper,
    dollarsPerMonth: first === undefined ? undefined : api(first.from),
  };
}

/** The part of a range with one number of copies in which `own` is at most `api`: both are lines there. */
function cheaperRange(
  own: (requests: number) => number,
  api: (requests: number) => number,
  low: number,
  high: number,
): { from: number; to: number } | undefined {
  const margin = (high - low) * 1e-9;
  const [from, to] = [low + margin, high - margin];
  const difference = (requests: number) => own(requests) - api(requests);
  const [atLow, atHigh] = [difference(from), difference(to)];
  if (atLow > 0 && atHigh > 0) return undefined;
  if (atLow <= 0 && atHigh <= 0) return { from, to };
  const crossing = from + ((to - from) * atLow) / (atLow - atHigh);
  return atLow <= 0 ? { from, to: crossing } : { from: crossing, to };
}
