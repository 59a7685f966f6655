import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import type { ForcingReport } from '../../../lambda/forcing/report.ts';
import { runs } from '../../property-runs.ts';
import { earlyPlan, script } from './arbitraries.ts';
import { drive, type ServerScript } from './simulated-server.ts';
import { bytes, format } from './tiny-vocabulary.ts';

const RUNS = { numRuns: runs(6_000), seed: 20261126 };

/** A plan that may continue a given thought or a given answer, and look documents up. */
const anyPlan = fc
  .record({
    plan: earlyPlan,
    given: fc.constantFrom('', 'thinking', 'answer'),
    text: fc.string({ maxLength: 30 }),
    lookUp: fc.option(fc.record({ below: fc.constantFrom(0, 0.3, 1), maxTokens: fc.constant(40) })),
  })
  .map(({ plan: without, given, text, lookUp }): ForcingPlan => {
    const plan = lookUp === null ? without : { ...without, lookUp, confidence: { measure: 'min_token' } as const };
    if (given === 'thinking') return { ...plan, prefix: { part: given, ids: bytes(text), text } };
    if (given !== 'answer') return plan;
    const ids = [...format.skipThinking, ...bytes(text)];
    const limits = { ...plan.limits, minTokens: 0, maxTokens: 0 };
    return { ...plan, limits, prefix: { part: given, ids, text } };
  });

function passagesOf(text: string) {
  return { ids: bytes(text), text };
}

/** A server that breaks, ignores minimums, sends tokens after the end, and whose calls are cut or aborted at any time. */
const anyServer = fc
  .record({
    script,
    ignoresMin: fc.boolean(),
    overrun: fc.integer({ min: 0, max: 4 }),
    logprobs: fc.boolean(),
    passages: fc.option(fc.constantFrom(...['A florn is 17.\n', 'é🤔<|im_start|>', 'x'.repeat(40)].map(passagesOf))),
    interruptsLookUp: fc.option(fc.constantFrom('deadline' as const, 'load' as const, 'abort' as const)),
    interrupts: fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('deadline' as const, 'load' as const, 'abort' as const),
      ),
      { maxLength: 3 },
    ),
  })
  .map(
    ({ script, interrupts, interruptsLookUp, ...rest }): ServerScript => ({
      ...script,
      ...rest,
      ...(interruptsLookUp === null ? {} : { interruptsLookUp }),
      interrupts: new Map(interrupts),
    }),
  );

/** The two sides of the account. */
function sidesOf(report: ForcingReport) {
  return {
    came: report.sampledTokens - report.discardedTokens + report.forcedTokens,
    went:
      report.thinkingTokens + report.answerTokens + report.delimiterTokens + report.probeTokens + report.abortedTokens,
  };
}

describe('the account of a sample, for any plan, chunks, failures, cuts and aborts', () => {
  it('adds up: sampled - discarded + forced = thinking + answer + delimiter + probe + aborted', () => {
    fc.assert(
      fc.property(anyPlan, anyServer, (plan, server) => {
        const machine = new BudgetForcing(plan);
        const { given } = drive(machine, server);
        const report = machine.report();
        const { came, went } = sidesOf(report);
        expect(came).toBe(went);
        expect(report.sampledTokens).toBe(given.flat().length);
        expect(report.completionTokens).toBe(report.thinkingTokens + report.answerTokens);
      }),
      RUNS,
    );
  });

  it('a sample is either complete or aborted, never both', () => {
    let aborted = 0;
    fc.assert(
      fc.property(anyPlan, anyServer, (plan, server) => {
        const machine = new BudgetForcing(plan);
        drive(machine, server);
        const report = machine.report();
        const { completionTokens, abortedTokens, finishReason } = report;
        if (finishReason === undefined) expect(completionTokens).toBe(0);
        else expect(abortedTokens).toBe(0);
        if (abortedTokens > 0) aborted++;
        machine.abort();
        expect(machine.report()).toEqual(report);
      }),
      RUNS,
    );
    expect(aborted).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it('a given beginning of the output is prompt and in no other count', () => {
    fc.assert(
      fc.property(anyPlan, anyServer, (plan, server) => {
        fc.pre(plan.prefix !== undefined);
        const machine = new BudgetForcing(plan);
        const opened = plan.prefix?.part === 'thinking' ? format.openThinking.length : 0;
        drive(machine, server);
        const { promptTokens, completionTokens } = machine.report();
        expect(promptTokens).toBe(plan.promptIds.length + opened + (plan.prefix?.ids.length ?? 0));
        expect(completionTokens).toBeLessThanOrEqual(plan.limits.maxTokens + plan.limits.maxAnswerTokens);
      }),
      RUNS,
    );
  });
});
