import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { Emission } from '../../../lambda/forcing/plan.ts';
import { runs } from '../../property-runs.ts';
import { earlyPlan, plan, script } from './arbitraries.ts';
import { drive } from './simulated-server.ts';
import { decode, format } from './tiny-vocabulary.ts';

const RUNS = { numRuns: runs(4_000), seed: 20261124 };

describe('budget forcing, for any output in pieces of any size', () => {
  it('the thinking stays within its minimum and maximum, and no segment requests 0 tokens', () => {
    fc.assert(
      fc.property(earlyPlan, script, (plan, script) => {
        const machine = new BudgetForcing(plan);
        const { segments } = drive(machine, script);
        const report = machine.report();
        expect(report.thinkingTokens).toBeLessThanOrEqual(plan.limits.maxTokens);
        expect(report.thinkingTokens).toBeGreaterThanOrEqual(plan.limits.minTokens);
        expect(report.minimumMissed).toBeUndefined();
        expect(report.answerTokens).toBeLessThanOrEqual(plan.limits.maxAnswerTokens);
        expect(report.completionTokens).toBeLessThanOrEqual(plan.maxCompletionTokens ?? 1_000);
        for (const segment of segments) {
          expect(segment.maxTokens).toBeGreaterThan(0);
          expect(segment.minTokens).toBeLessThanOrEqual(segment.maxTokens);
          expect(segment.promptIds.length + segment.maxTokens).toBeLessThanOrEqual(plan.contextTokens);
        }
      }),
      RUNS,
    );
  });

  it('the account of an output adds up', () => {
    fc.assert(
      fc.property(earlyPlan, script, (plan, script) => {
        const machine = new BudgetForcing(plan);
        const { segments, given } = drive(machine, script);
        const report = machine.report();
        expect(report.sampledTokens).toBe(given.flat().length);
        expect(report.segments).toBe(segments.length);
        expect(report.sampledTokens - report.discardedTokens + report.forcedTokens).toBe(
          report.thinkingTokens + report.answerTokens + report.delimiterTokens,
        );
        expect(report.waits).toBe(report.events.filter((event) => event.kind === 'wait').length);
        expect(report.waits).toBeLessThanOrEqual(plan.limits.waits);
        const forced = report.events.reduce((sum, event) => sum + ('tokens' in event ? event.tokens : 0), 0);
        expect(report.forcedTokens).toBe(
          report.endReason === 'model'
            ? forced + format.openAnswer.length
            : report.endReason === 'disabled'
              ? format.skipThinking.length
              : forced,
        );
        expect(report.endReason).toBeDefined();
        expect(report.finishReason).toBeDefined();
      }),
      RUNS,
    );
  });

  it('emissions are exactly the text of the ids: no delimiter, no half character, nothing lost, nothing twice', () => {
    fc.assert(
      fc.property(plan, script, (plan, script) => {
        // Some servers lose text if the call breaks inside a character; ids are never lost.
        fc.pre(plan.newDecoder !== undefined || script.breaksAfter.size === 0);
        const machine = new BudgetForcing(plan);
        const { segments, emissions } = drive(machine, script);
        const { promptTokens, thinkingTokens } = machine.report();
        const shown = textOf(emissions);
        const ids = segments.findLast((segment) => segment.part === 'answer')?.promptIds ?? [];
        const thought = decode(ids.slice(promptTokens, promptTokens + thinkingTokens)).replace(/^\n+|\n+$/g, '');
        // The server includes the text of an end token. If the thinking itself ends in the same text, one of the two is removed.
        const shorter = [...format.endTexts.values()].map((end) => thought.replace(end, ''));
        if (plan.newDecoder === undefined) expect([thought, ...shorter]).toContain(shown.thinking);
        else expect(shown.thinking).toBe(thought);
        expect(shown.thinking + shown.answer).not.toMatch(/\uFFFD|[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
        for (const emission of emissions) expect(emission.text).not.toBe('');
      }),
      RUNS,
    );
  });

  it('the result does not depend on the size of the pieces', () => {
    fc.assert(
      fc.property(plan, script, (plan, script) => {
        const whole = new BudgetForcing(plan);
        const inPieces = new BudgetForcing(plan);
        const same = { ...script, breaksAfter: new Map() };
        const first = drive(whole, { ...same, pieceSizes: [1_000] });
        const second = drive(inPieces, same);
        expect(textOf(second.emissions)).toEqual(textOf(first.emissions));
        expect(inPieces.report()).toEqual(whole.report());
        expect(second.segments).toEqual(first.segments);
      }),
      RUNS,
    );
  });

  it('the result does not depend on calls that break: no token is lost, none comes twice', () => {
    fc.assert(
      fc.property(plan, script, (plan, script) => {
        fc.pre(plan.newDecoder !== undefined);
        const smooth = new BudgetForcing(plan);
        const broken = new BudgetForcing(plan);
        const first = drive(smooth, { ...script, breaksAfter: new Map() });
        const second = drive(broken, script);
        expect(textOf(second.emissions)).toEqual(textOf(first.emissions));
        const { segments: _, events: __, ...account } = broken.report();
        expect(smooth.report()).toMatchObject(account);
      }),
      RUNS,
    );
  });

  it('a server that ignores min_tokens does not prevent the end, and the missed minimum is reported', () => {
    fc.assert(
      fc.property(plan, script, (plan, script) => {
        const machine = new BudgetForcing(plan);
        drive(machine, { ...script, ignoresMin: true });
        const report = machine.report();
        expect(report.thinkingTokens).toBeLessThanOrEqual(plan.limits.maxTokens);
        if (report.thinkingTokens < plan.limits.minTokens) {
          expect(report.minimumMissed).toBe('server_ignores_min_tokens');
        } else {
          expect(report.minimumMissed).toBeUndefined();
        }
      }),
      RUNS,
    );
  });
});

function textOf(emissions: readonly Emission[]) {
  const join = (part: string) =>
    emissions
      .filter((emission) => emission.part === part)
      .map((emission) => emission.text)
      .join('');
  return { thinking: join('thinking'), answer: join('answer') };
}
