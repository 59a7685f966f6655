import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import { runs } from '../../property-runs.ts';
import { earlyPlan, script } from './arbitraries.ts';
import { drive, probabilityOf, type ServerScript } from './simulated-server.ts';
import { bytes, decode, format, IM_END, IM_START, newDecoder, WAIT } from './tiny-vocabulary.ts';

const letters = [97, 98, 99, 100, 101, 102, 103];
/** Letters of high and of low probability. */
const sure = String.fromCharCode(...letters.filter((id) => probabilityOf(id) >= 0.7));
const unsure = String.fromCharCode(...letters.filter((id) => probabilityOf(id) <= 0.2));
const text = '\n\n<documents>\nA florn is 17.\n</documents>\n\n';
const passages = { ids: bytes(text), text };

function run(changes: Partial<ForcingPlan>, server: Partial<ServerScript>, ...pieces: readonly (string | number)[]) {
  const tokens = pieces.flatMap((piece) => (typeof piece === 'string' ? bytes(piece) : [piece]));
  const machine = new BudgetForcing({
    promptIds: bytes('how?'),
    format,
    limits: { minTokens: 0, maxTokens: 200, waits: 0, maxAnswerTokens: 50 },
    wait: { ids: [WAIT], text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
    confidence: { measure: 'min_token' },
    lookUp: { below: 0.5, maxTokens: 100 },
    ...changes,
  });
  const driven = drive(machine, {
    tokens,
    pieceSizes: [1],
    breaksAfter: new Map(),
    logprobs: true,
    passages,
    ...server,
  });
  return { ...driven, report: machine.report() };
}

const kinds = ({ report }: ReturnType<typeof run>) => report.events.map(({ kind }) => kind);

describe('passages once the model is unsure', () => {
  it('an unsure end becomes passages in the thought, which goes on', () => {
    const { report, segments, emissions } = run({}, {}, unsure, IM_START, sure, IM_START, 'y', IM_END);
    expect(report).toMatchObject({
      ...{ thinkingTokens: unsure.length + sure.length, retrievedTokens: text.length, endReason: 'model', segments: 3 },
      events: [{ kind: 'retrieval', at: unsure.length, tokens: text.length, value: expect.closeTo(0.125) }],
    });
    expect(decode(segments[1]?.promptIds ?? []).endsWith(unsure + text)).toBe(true);
    expect(segments[1]).toMatchObject({ part: 'thinking', minTokens: 1, maxTokens: 200 - unsure.length });
    expect(emissions.filter(({ forced }) => forced).map((emission) => emission.part)).toEqual(['thinking']);
    expect(report.confidence).toMatchObject({ tokens: sure.length });
  });

  it('a sure thought is not interrupted', () => {
    expect(kinds(run({}, {}, sure, IM_START, 'y', IM_END))).toEqual([]);
  });

  it('documents are looked up once, before a Wait, and a Wait follows if the model is still unsure', () => {
    const changes = { waitBelow: 0.5, limits: { minTokens: 0, maxTokens: 200, waits: 1, maxAnswerTokens: 50 } };
    const ran = run(changes, {}, unsure, IM_START, unsure, IM_START, unsure, IM_START, 'y', IM_END);
    expect(kinds(ran)).toEqual(['retrieval', 'wait']);
  });

  it('without passages the thinking ends as it would have ended', () => {
    const ran = run({}, { passages: null }, unsure, IM_START, 'y', IM_END);
    expect(kinds(ran)).toEqual([]);
    expect(ran.report).toMatchObject({ endReason: 'model', retrievedTokens: 0, segments: 2 });
    const limits = { minTokens: 0, maxTokens: 200, waits: 1, maxAnswerTokens: 50 };
    const waits = run({ limits }, { passages: null }, unsure, IM_START, sure, IM_START, 'y', IM_END);
    expect(kinds(waits)).toEqual(['wait']);
  });

  it('at the maximum the answer follows the passages', () => {
    const limits = { minTokens: 0, maxTokens: unsure.length, waits: 0, maxAnswerTokens: 50 };
    const { report, segments } = run({ limits }, {}, unsure, 'y', IM_END);
    expect(report).toMatchObject({ endReason: 'budget', thinkingTokens: unsure.length, retrievedTokens: text.length });
    expect(segments.map(({ part }) => part)).toEqual(['thinking', 'answer']);
    expect(decode(segments[1]?.promptIds ?? [])).toContain(text);
  });

  it('a thought that is not measured is not looked up for, and the report says why', () => {
    const ran = run({}, { logprobs: false }, unsure, IM_START, 'y', IM_END);
    expect(kinds(ran)).toEqual([]);
    expect(ran.report.gatesOff).toBe('no_logprobs');
  });

  it('the deadline, the load and an abort end a look-up', () => {
    const tokens = [unsure, IM_START, 'y', IM_END];
    expect(run({}, { interruptsLookUp: 'deadline' }, ...tokens).report).toMatchObject({ endReason: 'deadline' });
    expect(run({}, { interruptsLookUp: 'load' }, ...tokens).report).toMatchObject({ endReason: 'load' });
    expect(run({}, { interruptsLookUp: 'abort' }, ...tokens).report).toMatchObject({
      ...{ finishReason: undefined, abortedTokens: unsure.length, retrievedTokens: 0 },
    });
  });

  it('more passages than were asked for, or passages that nobody asked for, are an error of the caller', () => {
    const long = { ids: bytes('x'.repeat(101)), text: 'x'.repeat(101) };
    expect(() => run({}, { passages: long }, unsure, IM_START)).toThrow('101 tokens, but at most 100');
    const machine = new BudgetForcing({
      ...{ promptIds: [1], format, wait: { ids: [WAIT], text: 'Wait' }, contextTokens: 100 },
      limits: { minTokens: 0, maxTokens: 9, waits: 0, maxAnswerTokens: 9 },
    });
    expect(() => machine.takePassages(passages)).toThrow('call next() first');
  });
});

describe('passages in a thought, for any plan, output, pieces and failures', () => {
  const plan = fc
    .record({ plan: earlyPlan, below: fc.constantFrom(0.2, 0.5, 1), maxTokens: fc.integer({ min: 1, max: 60 }) })
    .map(
      ({ plan, below, maxTokens }): ForcingPlan => ({
        ...plan,
        confidence: { measure: 'min_token' },
        lookUp: { below, maxTokens },
      }),
    );
  const server = fc
    .record({ script, length: fc.integer({ min: 1, max: 60 }), found: fc.boolean() })
    .map(({ script, length, found }) => ({ script, found, text: 'p'.repeat(length) }));

  it('budgets are exact without them, each answer follows them, and prompt, passages and thought are what it reads', () => {
    let looked = 0;
    fc.assert(
      fc.property(plan, server, (plan, { script, found, text }) => {
        const block = text.slice(0, plan.lookUp?.maxTokens);
        const passages = found ? { ids: bytes(block), text: block } : null;
        const machine = new BudgetForcing(plan);
        const { segments } = drive(machine, { ...script, logprobs: true, passages });
        const report = machine.report();
        const events = report.events.filter(({ kind }) => kind === 'retrieval');
        if (events.length > 0) looked++;
        expect(events.length).toBeLessThanOrEqual(1);
        expect(report.retrievedTokens).toBe(events.length * block.length);
        expect(report.thinkingTokens).toBeLessThanOrEqual(plan.limits.maxTokens);
        expect(report.answerTokens).toBeLessThanOrEqual(plan.limits.maxAnswerTokens);
        expect(report.sampledTokens - report.discardedTokens + report.forcedTokens).toBe(
          report.thinkingTokens + report.answerTokens + report.delimiterTokens + report.probeTokens,
        );
        const first = segments.find(({ part }) => part === 'answer');
        if (first === undefined || plan.limits.maxTokens === 0) return;
        const { promptTokens, retrievedTokens, thinkingTokens, delimiterTokens } = report;
        expect(first.promptIds).toHaveLength(promptTokens + retrievedTokens + thinkingTokens + delimiterTokens);
      }),
      { numRuns: runs(2_000), seed: 20261127 },
    );
    expect(looked).toBeGreaterThan(runs(2_000) / 20);
  });

  it('the result does not depend on the size of the pieces', () => {
    fc.assert(
      fc.property(plan, script, (plan, script) => {
        const ids = bytes('p');
        const decoding = { ...plan, newDecoder };
        const results = [[1], [3], [7]].map((pieceSizes) => {
          const machine = new BudgetForcing(decoding);
          const passages = { ids, text: 'p' };
          drive(machine, { ...script, breaksAfter: new Map(), pieceSizes, logprobs: true, passages });
          const { discardedTokens: _d, sampledTokens: _s, ...report } = machine.report();
          return { report, written: machine.written() };
        });
        if (plan.softLanding !== undefined || plan.detectLoops === true) return;
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: runs(400), seed: 20261127 },
    );
  });
});
