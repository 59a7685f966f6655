import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defaultGenerated, GeneratedTraffic } from '../../simulate/traffic/generated.ts';
import { defaultMix } from '../../simulate/traffic/thinking.ts';
import {
  builtInTrace,
  noBursts,
  parseTrace,
  readTrace,
  TraceTraffic,
  withBursts,
} from '../../simulate/traffic/trace.ts';
import { newArrival, type Traffic } from '../../simulate/traffic/traffic.ts';

/** Copies of all requests of a traffic. */
function all(traffic: Traffic) {
  const arrival = newArrival();
  const found = [];
  while (traffic.next(arrival)) found.push({ ...arrival });
  return found;
}

describe('A trace', () => {
  it.each([
    ['conversation', 19_366, 3_501.722, 374, 44],
    ['code', 8_819, 3_435.948, 4_808, 10],
  ] as const)('the included trace %s has %i requests', (name, requests, seconds, prompt, answer) => {
    const trace = builtInTrace(name);
    expect(trace.at.length).toBe(requests);
    expect(trace.at.at(-1)).toBeCloseTo(seconds, 3);
    expect([trace.promptTokens[0], trace.answerTokens[0]]).toEqual([prompt, answer]);
    expect(trace.periodSeconds).toBeGreaterThan(seconds);
  });

  it('a trace is read by column names in any order, and sorted by time', () => {
    const trace = parseTrace('output_tokens,seconds,note,input_tokens\n5,12.5,x,100\n7,2,y,200\n\n', 'mine');
    expect([...trace.at]).toEqual([0, 10.5]);
    expect([...trace.promptTokens]).toEqual([200, 100]);
    expect([...trace.answerTokens]).toEqual([7, 5]);
  });

  it('a trace keeps all fractional digits of a date', () => {
    const trace = parseTrace(
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,1,1\n2023-11-16T18:17:04.0319612Z,1,1\n',
      'mine',
    );
    expect(trace.at[1]).toBeCloseTo(0.0520012, 6);
  });

  it('a trace may be gzipped', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'trace-')), 'mine.csv.gz');
    writeFileSync(file, gzipSync('time,prompt_tokens,completion_tokens\n0,1,2\n3,4,5\n'));
    expect(readTrace(file).at.length).toBe(2);
  });

  it.each([
    ['time,answer_tokens\n1,2', 'mine, line 1: no column for the prompt'],
    [
      'time,prompt_tokens,answer_tokens\n1,2,3\nnoon,2,3',
      'mine, line 3: "noon,2,3" has no valid time. Write a date or seconds.',
    ],
    [
      'time,prompt_tokens,answer_tokens\n1,2,-3',
      'mine, line 2: "1,2,-3" has an invalid token count. Write a whole number from 0.',
    ],
    ['time,prompt_tokens,answer_tokens\n', 'mine contains no requests.'],
  ])('an invalid trace is rejected with the reason: %j', (text, message) => {
    expect(() => parseTrace(text, 'mine')).toThrow(message);
  });

  it('a repeated trace has newly drawn thinking in each round', () => {
    const trace = parseTrace('time,prompt_tokens,answer_tokens\n0,10,20\n10,30,40\n', 'mine');
    const requests = all(new TraceTraffic(trace, 3, defaultMix, 1));
    expect(requests.map(({ at }) => at)).toEqual([0, 10, 20, 30, 40, 50]);
    expect(requests.map(({ promptTokens }) => promptTokens)).toEqual([10, 30, 10, 30, 10, 30]);
    expect(new Set(requests.map(({ naturalThinkingTokens }) => naturalThinkingTokens)).size).toBeGreaterThan(3);
  });

  it('a trace with bursts has three times the requests in its bursts and is unchanged elsewhere', () => {
    const trace = builtInTrace('conversation');
    const loaded = withBursts(trace, { ...noBursts, factor: 3 }, 1);
    const between = (from: number, until: number, { at } = trace) =>
      at.filter((time) => time >= from && time < until).length;
    expect(between(0, 600, loaded)).toBe(between(0, 600));
    // Repeated requests arrive up to 5 seconds later.
    expect(between(605, 905, loaded)).toBeGreaterThan(between(605, 905) * 2.8);
    expect(between(910, 1_800, loaded)).toBe(between(910, 1_800));
    expect(withBursts(trace, noBursts, 1)).toBe(trace);
    expect([...loaded.at]).toEqual([...loaded.at].toSorted((a, b) => a - b));
  });
});

describe('Generated traffic', () => {
  it('generated traffic has the configured rate and thinking', () => {
    const requests = all(new GeneratedTraffic({ ...defaultGenerated, seconds: 20_000, swing: 0 }, defaultMix, 5));
    expect(requests.length / 20_000).toBeCloseTo(5, 1);
    const natural = requests.map(({ naturalThinkingTokens }) => naturalThinkingTokens).toSorted((a, b) => a - b);
    const at = (part: number) => natural[Math.floor(part * natural.length)] ?? 0;
    expect(at(0.5) / 4_096).toBeCloseTo(1, 1);
    // One standard deviation below and above the median: the points of the fit.
    expect(at(0.1587) / 2_048).toBeCloseTo(1, 1);
    expect(at(0.8413) / 8_192).toBeCloseTo(1, 1);
  });

  it('generated traffic has random bursts of the configured length and frequency', () => {
    const bursts = { burstFactor: 5, burstSeconds: 60, burstGapSeconds: 600 };
    const settings = { ...defaultGenerated, ...bursts, requestsPerSecond: 0.5, swing: 0, seconds: 400_000 };
    const perSecond = all(new GeneratedTraffic(settings, defaultMix, 5)).length / 400_000;
    expect(Math.abs(perSecond / (0.5 * (1 + (4 * 60) / 660)) - 1)).toBeLessThan(0.04);
  });

  it('the rate of generated traffic varies over the day', () => {
    const settings = { ...defaultGenerated, periodSeconds: 10_000, seconds: 10_000, swing: 1 };
    const requests = all(new GeneratedTraffic(settings, defaultMix, 5));
    const noon = requests.filter(({ at }) => at > 4_000 && at < 6_000).length;
    const night = requests.filter(({ at }) => at < 1_000 || at > 9_000).length;
    expect(noon).toBeGreaterThan(night * 10);
  });
});
