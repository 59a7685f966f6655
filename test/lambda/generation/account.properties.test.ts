import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { generate } from '../../../lambda/generation/generate.ts';
import type { Generation } from '../../../lambda/generation/generation.ts';
import { mergeGenerators } from '../../../lambda/generation/merge-generators.ts';
import type { SampleAccount } from '../../../lambda/generation/usage.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import {
  ModelRejectedError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
} from '../../../lambda/upstream/errors.ts';
import { runs } from '../../property-runs.ts';
import { bytes, format, IM_END, IM_START, newDecoder, WAIT } from '../forcing/tiny-vocabulary.ts';
import { chat, ScriptedModel, type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

const failure = fc.constantFrom(
  new StreamBrokenError('broke'),
  new ModelUnavailableError('down'),
  new ModelRejectedError('no'),
  new NoCapacityError('zero'),
);

/** The output of one call: some text, then an end, a failure, or neither. */
const segment = fc
  .record({
    says: fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '.', '7'), maxLength: 12 }),
    how: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(IM_START, IM_END).map((ends) => ({ ends })) },
      { weight: 2, arbitrary: failure.map((fails) => ({ fails })) },
      { weight: 1, arbitrary: fc.constant({ hangs: true }) },
      { weight: 1, arbitrary: fc.constant({}) },
    ),
  })
  .map(({ says, how }): ScriptedSegment => ({ says, ...how }));
const segments = fc.array(segment, { maxLength: 12 });
const samples = fc.integer({ min: 1, max: 4 });
/** Number of events after which the client leaves. */
const leavesAfter = fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined });

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
/** Long enough for a call that hangs to be the only thing that is left. */
const nothingHappens = async () => await new Promise<undefined>((resolve) => setTimeout(resolve, 2, undefined));

describe('the accounts of a generation, for any samples, failures, cuts and aborts', () => {
  const scenario = fc.record({
    segments,
    samples,
    leavesAfter,
    limits: fc.record({
      minTokens: fc.integer({ min: 0, max: 8 }),
      maxTokens: fc.integer({ min: 8, max: 30 }),
      waits: fc.integer({ min: 0, max: 2 }),
      maxAnswerTokens: fc.integer({ min: 1, max: 12 }),
    }),
    structured: fc.boolean(),
    deadlinePassed: fc.boolean(),
    loadCutsAfter: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
  });
  type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

  /** Runs the samples as a request does, until all end or the client leaves. Returns their accounts and the sampled ids. */
  async function accountsOf(scenario: Scenario) {
    const model = new ScriptedModel(scenario.segments);
    const client = new AbortController();
    const load = new AbortController();
    const accounts: SampleAccount[] = [];
    let chunks = 0;
    const generation: Generation = {
      model,
      plan: {
        promptIds: bytes('how?'),
        format,
        limits: scenario.limits,
        wait: { ids: [WAIT], text: 'Wait' },
        contextTokens: 1_000,
        newDecoder,
      },
      sampling: {},
      ...(scenario.structured ? { structure: { kind: 'json_object' } } : {}),
      clock: { now: () => 0, sleep: async () => {} },
      ...(scenario.deadlinePassed ? { deadlineMs: 0 } : {}),
      retry: { attempts: 3, backoffMs: 1, capacityWaitMs: 0 },
      signal: client.signal,
      cutThinking: load.signal,
      onTokens: () => {
        if (chunks++ === scenario.loadCutsAfter) load.abort();
      },
      onEnd: (account) => accounts.push(account),
    };
    const leave = () => client.abort(new Error('The client left.'));
    const events = mergeGenerators(
      Array.from({ length: scenario.samples }, () => generate(generation)),
      leave,
    );
    let completed = 0;
    let read = 0;
    // Calls that hang end with the client.
    const idle = setTimeout(leave, 20);
    try {
      for await (const { value } of events) {
        if (value.kind === 'done') completed++;
        if (read++ === scenario.leavesAfter) break;
      }
    } catch {
      // A final failure ends the request. The accounts say what it used.
    } finally {
      clearTimeout(idle);
    }
    return { accounts, completed, sampled: model.sampled };
  }

  it('every sample has one account, which adds up, and together they hold every sampled token', async () => {
    let aborted = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async (scenario) => {
        const { accounts, completed, sampled } = await accountsOf(scenario);
        expect(accounts).toHaveLength(scenario.samples);
        expect(sum(accounts.map(({ report }) => report.sampledTokens))).toBe(sampled.length);
        expect(accounts.filter(({ report }) => report.finishReason !== undefined).length).toBeGreaterThanOrEqual(
          completed,
        );
        for (const { report, segments } of accounts) {
          expect(report.sampledTokens - report.discardedTokens + report.forcedTokens).toBe(
            report.thinkingTokens +
              report.answerTokens +
              report.delimiterTokens +
              report.probeTokens +
              report.abortedTokens,
          );
          expect(sum(segments.map(({ tokens }) => tokens))).toBe(report.sampledTokens);
          expect(sum(segments.map(({ completionTokens }) => completionTokens))).toBe(
            report.completionTokens + report.abortedTokens,
          );
          aborted += report.abortedTokens;
        }
      }),
      { numRuns: runs(500), seed: 20261126 },
    );
    expect(aborted).toBeGreaterThan(0);
  }, 120_000);
});

const completionSchema = z.looseObject({
  usage: z.looseObject({ completion_tokens: z.int() }),
  budget_forcing: z
    .looseObject({ vote: z.looseObject({ other_tokens: z.int(), aborted_tokens: z.int() }).optional() })
    .optional(),
});

describe('the bill of a request, for any samples, failures and clients that leave', () => {
  const UNIX_TIME = 1_700_000_000;

  it('the ledger counts every kept token once, and usage counts those of the response', async () => {
    await fc.assert(
      fc.asyncProperty(segments, samples, leavesAfter, fc.boolean(), async (segments, samples, leavesAfter, votes) => {
        const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
        const { app, model } = scriptedApp(segments, { ledger, keepAliveMs: 5 });
        const stream = leavesAfter !== undefined || segments.some((segment) => segment.hangs === true);
        const vote = votes && samples > 1;
        const body = { n: samples, vote, stream, thinking: { max_tokens: 30 }, max_completion_tokens: 40 };
        const response = await app.request('/v1/chat/completions', chat(body));
        if (response.body === null) throw new Error('The response has no body.');
        let completion: unknown;
        if (stream) {
          const reader = response.body.getReader();
          for (let frames = 0; frames < (leavesAfter ?? 60); frames++) {
            const next = await Promise.race([reader.read(), nothingHappens()]);
            if (next === undefined || next.done) break;
          }
          await reader.cancel();
        } else {
          completion = await response.json();
        }
        const record = await vi.waitFor(
          async (): Promise<UsageRecord> => {
            for await (const found of ledger.records([dayOf(UNIX_TIME)])) if (found.status === 'settled') return found;
            throw new Error('The request is not settled.');
          },
          { interval: 1, timeout: 10_000 },
        );
        const kept = model.sampled.filter((id) => id !== IM_START && id !== IM_END).length;
        expect(record.thinking + record.answer + record.aborted).toBe(kept);
        if (stream || response.status !== 200) return;
        const { usage, budget_forcing } = completionSchema.parse(completion);
        const { other_tokens = 0, aborted_tokens = 0 } = budget_forcing?.vote ?? {};
        expect(usage.completion_tokens + other_tokens).toBe(record.thinking + record.answer);
        expect(aborted_tokens).toBe(record.aborted);
      }),
      { numRuns: runs(400), seed: 20261126 },
    );
  }, 120_000);
});
