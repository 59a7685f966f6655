import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultScaling } from '../../lambda/policy/desired-copies.ts';
import type { Routing } from '../../simulate/engine/fleet.ts';
import { elasticGate, fullGate, type Gate, openGate } from '../../simulate/engine/gate.ts';
import { simulate } from '../../simulate/engine/simulate.ts';
import { s1OnP5 } from '../../simulate/profile.ts';
import { CommittedScaling } from '../../simulate/scaling/committed-scaling.ts';
import { FixedFleet, type Scaler } from '../../simulate/scaling/scaler.ts';
import { defaultTargetTracking, TargetTracking } from '../../simulate/scaling/target-tracking.ts';
import { prefixRouting } from '../../simulate/scenario.ts';
import { defaultGenerated, GeneratedTraffic } from '../../simulate/traffic/generated.ts';
import { defaultMix } from '../../simulate/traffic/thinking.ts';
import { ListedTraffic, simulation, tightProfile } from './worlds.ts';

const bounds = { minCopies: 1, maxCopies: 6 };
const scalers: Readonly<Record<string, () => Scaler>> = {
  fixed: () => new FixedFleet(),
  aws: () => new TargetTracking(defaultTargetTracking('concurrency', 4, bounds)),
  committed: () =>
    new CommittedScaling({ ...defaultScaling, ...bounds, copiesPerInstance: 2, scaleInAfterSeconds: 120 }),
};
const gates: Readonly<Record<string, Gate>> = { open: openGate, full: fullGate, elastic: elasticGate };

const arrivals = fc
  .array(
    fc.record({
      gap: fc.double({ min: 0, max: 8, noNaN: true }),
      promptTokens: fc.integer({ min: 1, max: 3_000 }),
      naturalThinkingTokens: fc.integer({ min: 0, max: 6_000 }),
      maxThinkingTokens: fc.integer({ min: 0, max: 4_000 }),
      answerTokens: fc.integer({ min: 1, max: 800 }),
      elastic: fc.boolean(),
      thinkingCalls: fc.integer({ min: 1, max: 3 }),
      key: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((rows) => {
    let at = 0;
    return rows.map(({ gap, ...row }) => {
      at += gap;
      return { ...row, at, maxAnswerTokens: 1_000, floorTokens: Math.floor(row.maxThinkingTokens / 4) };
    });
  });

describe('A simulation', () => {
  it('no request and no token is lost, for any traffic, scaler and gate', () => {
    fc.assert(
      fc.property(
        arrivals,
        fc.constantFrom(...Object.keys(scalers)),
        fc.constantFrom(...Object.keys(gates)),
        fc.boolean(),
        (list, scaler, gate, prefixAware) => {
          const outcome = simulate(
            simulation({
              profile: tightProfile,
              traffic: new ListedTraffic(list),
              scaler: scalers[scaler]?.() ?? new FixedFleet(),
              gate: gates[gate] ?? openGate,
              routing: { prefixAware, concurrencyThreshold: 8 },
            }),
          );
          const { whole, thinking } = outcome;
          expect(whole.arrived).toBe(list.length);
          expect(whole.completed + whole.refused).toBe(list.length);
          expect(outcome.completed).toBe(whole.completed);
          expect(whole.outputTokens).toBe(thinking.done + outcome.answerTokens);
          expect(whole.decodedTokens).toBeCloseTo(whole.outputTokens, 2);
          expect(thinking.done).toBeLessThanOrEqual(thinking.natural);
          expect(thinking.granted).toBeLessThanOrEqual(thinking.wanted);
          if (gate !== 'elastic') expect(thinking.granted).toBe(thinking.wanted);
          // Little's law holds exactly because the whole run is measured.
          const inFlight = outcome.meanRequests * outcome.measuredSeconds;
          expect(inFlight).toBeCloseTo(outcome.total.mean * outcome.completed, 4);
        },
      ),
      { seed: 7, numRuns: 150 },
    );
  });

  const day = (seed: number) =>
    simulate(
      simulation({
        profile: s1OnP5(),
        traffic: new GeneratedTraffic({ ...defaultGenerated, seconds: 7_200 }, defaultMix, seed),
        scaler: new CommittedScaling({ ...defaultScaling, maxCopies: 40, copiesPerInstance: 4 }),
        gate: elasticGate,
        initialCopies: 8,
      }),
    );

  it('the same seed gives the same outcome, and another seed another one', () => {
    expect(day(3)).toEqual(day(3));
    expect(day(3).firstToken).not.toEqual(day(4).firstToken);
  });

  it('requests to an endpoint without a copy wait and wake it', () => {
    const outcome = simulate(
      simulation({
        profile: tightProfile,
        traffic: new ListedTraffic([{ at: 5 }, { at: 6 }]),
        scaler: new CommittedScaling({ ...defaultScaling, minCopies: 0, maxCopies: 2 }),
        initialCopies: 0,
      }),
    );
    expect(outcome.completed).toBe(2);
    // 10 s until the metric, 20 s until the alarm, 120 s of start, and at most one more sample.
    expect(outcome.firstToken.p99).toBeGreaterThan(120);
    expect(outcome.firstToken.p99).toBeLessThan(170);
  });

  it('an instance is billed from its start until the end of its idle time', () => {
    // One request of two hours, and a second copy that is removed after 600 s.
    class Shrink implements Scaler {
      observe({ now }: { readonly now: number }) {
        return now >= 600 ? 1 : 2;
      }
    }
    const { instanceHours } = simulate(
      simulation({
        traffic: new ListedTraffic([{ at: 0, answerTokens: 720_000 }]),
        scaler: new Shrink(),
        initialCopies: 1,
      }),
    );
    // The second instance is requested at 10 s, runs from 70 s, loses its copy at 600 s and stops at 660 s.
    expect(instanceHours * 3_600).toBeCloseTo(7_200 + (660 - 70) + 10, -2);
  });

  it('a continued thought is prefilled again without prefix routing', () => {
    const list = Array.from({ length: 300 }, (_, index) => ({
      at: index * 0.8,
      promptTokens: 2_000,
      naturalThinkingTokens: 300,
      maxThinkingTokens: 300,
      thinkingCalls: 3,
      answerTokens: 50,
    }));
    const with3Copies = (prefixAware: boolean) =>
      simulate(
        simulation({
          profile: tightProfile,
          traffic: new ListedTraffic(list),
          initialCopies: 3,
          routing: { prefixAware, concurrencyThreshold: 1_024 },
        }),
      ).total.mean;
    expect(with3Copies(true)).toBeLessThan(with3Copies(false) * 0.8);
  });

  it('a beginning that all requests share, and that fills the compared bytes, fills one copy before the others', () => {
    const list = Array.from({ length: 300 }, (_, index) => ({
      at: index * 0.8,
      promptTokens: 2_000,
      naturalThinkingTokens: 300,
      maxThinkingTokens: 300,
      answerTokens: 50,
    }));
    const meanSeconds = (routing: Routing) =>
      simulate(simulation({ profile: tightProfile, traffic: new ListedTraffic(list), initialCopies: 3, routing })).total
        .mean;
    const longer = meanSeconds(prefixRouting(1_000, 8_024, 64));
    expect(meanSeconds(prefixRouting(1_000, 1_024, 64))).toBeGreaterThan(longer * 1.5);
    expect(meanSeconds(prefixRouting(100, 1_024, 64))).toBeCloseTo(longer, 5);
    expect(meanSeconds({ ...prefixRouting(1_000, 1_024, 64), prefixAware: false })).toBeLessThan(longer * 1.2);
  });

  it('elastic budgets shrink under load, so that first tokens stay fast', () => {
    const rush = (gate: Gate) =>
      simulate(
        simulation({
          profile: tightProfile,
          gate,
          traffic: new ListedTraffic(
            Array.from({ length: 400 }, (_, index) => ({
              at: index * 0.5,
              promptTokens: 200,
              naturalThinkingTokens: 1_500,
              maxThinkingTokens: 2_000,
              maxAnswerTokens: 200,
              answerTokens: 50,
              elastic: true,
              floorTokens: 200,
            })),
          ),
          initialCopies: 1,
        }),
      );
    const plain = rush(openGate);
    const elastic = rush({ elastic: elasticGate.elastic ?? { shrinkFrom: 0.7, shrinkTo: 1.3 } });
    expect(plain.thinking.done).toBe(plain.thinking.natural);
    expect(elastic.thinking.done).toBeLessThan(elastic.thinking.natural);
    expect(elastic.firstToken.p95).toBeLessThan(plain.firstToken.p95 / 3);
    expect(elastic.thinking.done / elastic.completed).toBeGreaterThanOrEqual(200);
  });
});
