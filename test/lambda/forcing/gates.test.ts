import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import { confidenceMeasures } from '../../../lambda/forcing/confidence.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import { maxProbeTokens, PROBE_TOKENS } from '../../../lambda/forcing/probe-rule.ts';
import { runs } from '../../property-runs.ts';
import { earlyPlan, plan, script } from './arbitraries.ts';
import { drive, probabilityOf, type ServerScript } from './simulated-server.ts';
import { bytes, END_OF_TEXT, format, IM_END, IM_START, newDecoder, WAIT } from './tiny-vocabulary.ts';

const RUNS = { numRuns: runs(500), seed: 20261126 };

function run(limits: Partial<ForcingPlan['limits']>, changes: Partial<ForcingPlan>, server: ServerScript) {
  const machine = new BudgetForcing({
    promptIds: bytes('how?'),
    format,
    limits: { minTokens: 0, maxTokens: 200, waits: 0, maxAnswerTokens: 50, ...limits },
    wait: { ids: [WAIT], text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
    ...changes,
  });
  const { segments } = drive(machine, server);
  return { segments, report: machine.report() };
}

/** A server of these tokens, one for each piece. */
function says(...pieces: readonly (string | number)[]): ServerScript {
  const tokens = pieces.flatMap((piece) => (typeof piece === 'string' ? bytes(piece) : [piece]));
  return { tokens, pieceSizes: [1], breaksAfter: new Map(), logprobs: true };
}

const confidence = { measure: 'min_token' } as const;
/** Letters of high and of low probability. */
const sure = String.fromCharCode(...[97, 98, 99, 100, 101, 102, 103].filter((id) => probabilityOf(id) >= 0.7));
const unsure = String.fromCharCode(...[97, 98, 99, 100, 101, 102, 103].filter((id) => probabilityOf(id) <= 0.2));

describe('a Wait only if the model is unsure', () => {
  it('an unsure thought gets its Wait, a sure one does not', () => {
    const asked = { confidence, waitBelow: 0.5 };
    const first = run({ waits: 1 }, asked, says(unsure, IM_START, sure, IM_START, 'y', IM_END));
    expect(first.report).toMatchObject({ waits: 1, confidence: { measure: 'min_token', tokens: sure.length } });
    const second = run({ waits: 1 }, asked, says(sure, IM_START, 'y', IM_END));
    expect(second.report.waits).toBe(0);
    expect(second.report.events).toEqual([
      { kind: 'wait_skipped', at: sure.length, value: second.report.confidence?.value },
    ]);
  });

  it('a second Wait depends on the pass after the first one only', () => {
    const { report } = run(
      { waits: 2 },
      { confidence, waitBelow: 0.5 },
      says(unsure, IM_START, sure, IM_START, 'y', IM_END),
    );
    expect(report.events.map(({ kind }) => kind)).toEqual(['wait', 'wait_skipped']);
  });

  it('below the minimum, a sure end is masked instead', () => {
    const { report } = run(
      { waits: 3, minTokens: 10 },
      { confidence, waitBelow: 0.5 },
      says(sure, IM_START, 'abcdefghijklm', IM_START, 'y', IM_END),
    );
    expect(report.events.map(({ kind }) => kind)).toEqual(['wait_skipped', 'suppress']);
    expect(report.thinkingTokens).toBeGreaterThanOrEqual(10);
    expect(report.waits).toBe(0);
  });

  it('without log-probabilities every asked Wait is appended, and the report says that the rule was off', () => {
    const { report } = run(
      { waits: 1 },
      { confidence, waitBelow: 0.5 },
      { ...says(sure, IM_START, sure, IM_START, 'y', IM_END), logprobs: false },
    );
    expect(report).toMatchObject({ waits: 1, gatesOff: 'no_logprobs', confidence: undefined });
  });
});

const line = 'a'.repeat(31);
const answer = (text: string) => [...bytes(text), IM_END];

describe('an end when the answer is settled', () => {
  const stop = (changes: object = {}) => ({ stopWhenSure: { above: 1, agree: 2, hint: [], ...changes } });
  const lines = says(`${line}\n${line}\n${line}\n${line}\n`, IM_START, 'y', IM_END);

  it('equal answers of successive probes end the thinking', () => {
    const { report, segments } = run({}, stop(), { ...lines, probes: [answer('4'), answer('5'), answer('5')] });
    expect(report).toMatchObject({ endReason: 'sure', thinkingTokens: 96, probes: 3, probeTokens: 3 });
    expect(report.events.map(({ kind }) => kind)).toEqual(['probe', 'probe', 'probe', 'cut']);
    const probe = segments.find((segment) => segment.probe === true);
    expect(probe?.promptIds.slice(-format.forceAnswer.length)).toEqual(format.forceAnswer);
  });

  it('one confident probe ends the thinking', () => {
    const { report } = run({}, stop({ above: 0.1 }), { ...lines, probes: [answer('4')] });
    expect(report).toMatchObject({ endReason: 'sure', thinkingTokens: 32, probes: 1 });
  });

  it('without log-probabilities agreement alone decides, and the report says so', () => {
    const { report } = run({}, stop({ above: 0 }), {
      ...lines,
      logprobs: false,
      probes: [answer('4'), answer('5'), answer('5')],
    });
    expect(report).toMatchObject({ endReason: 'sure', probes: 3, gatesOff: 'no_logprobs' });
    expect(run({}, stop(), { ...lines, probes: [answer('4')] }).report.gatesOff).toBeUndefined();
  });

  it('an answer that does not end within a probe decides nothing', () => {
    const long = bytes('b'.repeat(PROBE_TOKENS + 5));
    const { report } = run({}, stop({ above: 0 }), { ...lines, probes: [long, long, long, long] });
    expect(report).toMatchObject({ endReason: 'model', probeTokens: report.probes * PROBE_TOKENS });
  });

  it('no probe runs below the minimum, nor before Waits that are asked for at any confidence', () => {
    const probes = [answer('4'), answer('4'), answer('4'), answer('4')];
    const below = run({ minTokens: 100 }, stop({ above: 0 }), { ...lines, probes });
    expect(below.report.events.find(({ kind }) => kind === 'probe')?.at ?? 100).toBeGreaterThanOrEqual(100);
    const outstanding = run({ waits: 1 }, stop({ above: 0 }), { ...lines, probes });
    expect(outstanding.report.events[0]).toMatchObject({ kind: 'wait', at: 128 });
  });

  it('the tokens of all probes stay below their bound, which grows with the logarithm of the maximum', () => {
    expect(maxProbeTokens(0, 32_768)).toBeLessThan(32_768 / 30);
    const { report } = run({ maxTokens: 900 }, stop({ above: 1, agree: 16 }), {
      ...says('\n'.repeat(900)),
      probes: Array.from({ length: 40 }, (_, index) => answer(String(index).repeat(30))),
    });
    expect(report.probes).toBeGreaterThan(10);
    expect(report.probeTokens).toBeLessThanOrEqual(maxProbeTokens(0, 900));
  });
});

/** A plan with rules by confidence. */
const gated = fc
  .record({
    plan: fc.oneof(plan, earlyPlan),
    measure: fc.constantFrom(...confidenceMeasures),
    waitBelow: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    stop: fc.option(
      fc.record({
        above: fc.double({ min: 0, max: 1, noNaN: true }),
        agree: fc.integer({ min: 2, max: 4 }),
        hint: fc.constantFrom([], bytes('Final:')),
      }),
    ),
    longer: fc.integer({ min: 0, max: 150 }),
  })
  .map(
    ({ plan, measure, waitBelow, stop, longer }): ForcingPlan => ({
      ...plan,
      limits: { ...plan.limits, maxTokens: plan.limits.maxTokens + longer },
      contextTokens: 600,
      confidence: { measure },
      ...(waitBelow === null ? {} : { waitBelow }),
      ...(stop === null ? {} : { stopWhenSure: stop }),
    }),
  );

/** A server of many lines. */
const server = fc
  .record({
    script,
    lines: fc.array(
      fc.oneof(
        { weight: 40, arbitrary: fc.constantFrom('a', 'b', '\n', 'é\n', '🤔') },
        { weight: 1, arbitrary: fc.constantFrom(IM_START, END_OF_TEXT) },
      ),
      { minLength: 20, maxLength: 150 },
    ),
    probes: fc.array(
      fc
        .array(fc.constantFrom('4', '7', ' ', '\n'), { maxLength: 4 })
        .map((texts) => [...bytes(texts.join('')), IM_END]),
      { maxLength: 8 },
    ),
    logprobs: fc.boolean(),
    ignoresMin: fc.boolean(),
    overrun: fc.integer({ min: 0, max: 3 }),
    interrupts: fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom('deadline' as const, 'load' as const, 'abort' as const),
      ),
      { maxLength: 2 },
    ),
  })
  .map(
    ({ script, lines, interrupts, ...rest }): ServerScript => ({
      ...script,
      tokens: lines.flatMap((each) => (typeof each === 'string' ? bytes(each) : [each])),
      ...rest,
      interrupts: new Map(interrupts),
    }),
  );

describe('rules by confidence, for any output in pieces of any size', () => {
  it('budgets are exact and the account adds up', () => {
    let probed = 0;
    fc.assert(
      fc.property(gated, server, (plan, server) => {
        const machine = new BudgetForcing(plan);
        const { given, segments } = drive(machine, server);
        const report = machine.report();
        expect(report.sampledTokens - report.discardedTokens + report.forcedTokens).toBe(
          report.thinkingTokens +
            report.answerTokens +
            report.delimiterTokens +
            report.probeTokens +
            report.abortedTokens,
        );
        expect(report.sampledTokens).toBe(given.flat().length);
        expect(report.thinkingTokens).toBeLessThanOrEqual(plan.limits.maxTokens);
        expect(report.answerTokens).toBeLessThanOrEqual(plan.limits.maxAnswerTokens);
        expect(report.waits).toBeLessThanOrEqual(plan.limits.waits);
        if (report.endReason === 'sure' && report.finishReason !== undefined) {
          expect(report.thinkingTokens).toBeGreaterThanOrEqual(plan.limits.minTokens);
        }
        expect(report.probeTokens).toBeLessThanOrEqual(maxProbeTokens(plan.limits.minTokens, plan.limits.maxTokens));
        for (const { promptIds, maxTokens } of segments) {
          expect(maxTokens).toBeGreaterThan(0);
          expect(promptIds.length + maxTokens).toBeLessThanOrEqual(plan.contextTokens);
        }
        if (report.probes > 0) probed++;
      }),
      RUNS,
    );
    expect(probed).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it('the result does not depend on the size of the pieces', () => {
    fc.assert(
      fc.property(gated, server, (plan, server) => {
        const { newDecoder: _, softLanding: __, detectLoops: ___, ...rest } = plan;
        const decoding = { ...rest, newDecoder };
        const same = { ...server, breaksAfter: new Map(), interrupts: new Map(), overrun: 0 };
        const whole = new BudgetForcing(decoding);
        const inPieces = new BudgetForcing(decoding);
        drive(whole, { ...same, pieceSizes: [1_000] });
        drive(inPieces, { ...same, pieceSizes: [1] });
        // Tokens that come with those before a probe are sampled again after it.
        const { sampledTokens: a, discardedTokens: b, ...first } = whole.report();
        const { sampledTokens: c, discardedTokens: d, ...second } = inPieces.report();
        expect(second).toEqual(first);
        expect(c - d).toBe(a - b);
      }),
      { ...RUNS, numRuns: runs(200) },
    );
  });
});
