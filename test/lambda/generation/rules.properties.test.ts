import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { budgetForcingSchema } from '../../../lambda/apis/response-schemas.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { runs } from '../../property-runs.ts';
import { IM_END, IM_START, WAIT } from '../forcing/tiny-vocabulary.ts';
import { loadWorld, smallCopies } from '../scaling/load-world.ts';
import { chat, scriptedApp, scriptedModel } from '../scripted-world.ts';
import { DrawingModel, type DrawingModelOptions } from './drawing-model.ts';

const UNIX_TIME = 1_700_000_000;

/** A request with any of the rules together. */
const request = fc
  .record({
    seed: fc.nat(100_000),
    min: fc.integer({ min: 0, max: 90 }),
    room: fc.integer({ min: 0, max: 90 }),
    waits: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    unsureBelow: fc.option(fc.constantFrom(0, 0.5, 1), { nil: undefined }),
    measure: fc.constantFrom('min_token', 'lowest_window', 'tail', 'bottom_10', 'entropy'),
    sure: fc.option(fc.record({ above: fc.constantFrom(0.5, 1), probes: fc.integer({ min: 2, max: 3 }) }), {
      nil: undefined,
    }),
    samples: fc.integer({ min: 1, max: 4 }),
    vote: fc.constantFrom(undefined, 'all' as const, { lead: 1 }, { agree: 2 }),
    total: fc.option(fc.integer({ min: 200, max: 260 }), { nil: undefined }),
  })
  .map(({ seed, min, room, waits, unsureBelow, measure, sure, samples, vote, total }) => {
    const thinking = {
      min_tokens: min,
      max_tokens: Math.max(1, min + room),
      waits,
      ...(unsureBelow === undefined
        ? {}
        : { wait_when: 'unsure', unsure_below: unsureBelow, confidence_measure: measure }),
      ...(sure === undefined ? {} : { stop_when: 'sure', sure_above: sure.above, sure_probes: sure.probes }),
      elastic: { floor_tokens: min },
    };
    const votes =
      samples < 2 || vote === undefined ? {} : { vote: true, ...(vote === 'all' ? {} : { vote_until: vote }) };
    return { seed, temperature: 1, n: samples, ...votes, max_completion_tokens: total, thinking };
  });

const server = fc.record({
  chunkSizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
  endsEmpty: fc.boolean(),
});

/** What comes between: the load cuts after so many chunks, or a call hangs until the deadline. */
const interruption = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }).map((cutAfter) => ({ cutAfter })) },
  { weight: 1, arbitrary: fc.integer({ min: 20, max: 200 }).map((hangsAt) => ({ hangsAt })) },
);
interface Interruption {
  readonly cutAfter?: number;
  /** Number of tokens after the prompt. */
  readonly hangsAt?: number;
}

const completionSchema = z.looseObject({
  choices: z.array(
    z.looseObject({
      message: z.looseObject({ content: z.string(), reasoning_content: z.string() }),
      finish_reason: z.string(),
      budget_forcing: budgetForcingSchema.optional(),
    }),
  ),
  usage: z.looseObject({
    completion_tokens: z.int(),
    completion_tokens_details: z.looseObject({ reasoning_tokens: z.int() }),
  }),
  budget_forcing: budgetForcingSchema.optional(),
});

const PROMPT_TOKENS = 60;

async function ask(
  body: Readonly<Record<string, unknown>> & { readonly thinking: object },
  options: Omit<DrawingModelOptions, 'logprobs'>,
  { cutAfter, hangsAt }: Interruption = {},
) {
  const model = new DrawingModel({
    ...options,
    logprobs: true,
    ...(hangsAt === undefined ? {} : { hangsAt: PROMPT_TOKENS + hangsAt }),
  });
  const { settings, tokenizer } = scriptedModel('scripted', []);
  const ledger = new Ledger(new MemoryTable(), () => UNIX_TIME);
  const { autoscaler } = loadWorld(1, { settings: { ...smallCopies, cacheTokens: 1e6, maxRequests: 100 } });
  if (cutAfter !== undefined) cutAll(autoscaler, cutAfter);
  const { app } = scriptedApp([], {
    models: [new ServedModel(settings, model, tokenizer)],
    loads: new Map([['scripted', autoscaler]]),
    ledger,
  });
  const thinking = { ...body.thinking, ...(hangsAt === undefined ? {} : { deadline_ms: 10 }) };
  const response = await app.request('/v1/chat/completions', chat({ ...body, thinking }));
  const json: unknown = await response.json();
  const record = await vi.waitFor(
    async (): Promise<UsageRecord> => {
      for await (const found of ledger.records([dayOf(UNIX_TIME)])) if (found.status === 'settled') return found;
      throw new Error('The request is not settled.');
    },
    { interval: 1, timeout: 10_000 },
  );
  return { status: response.status, json, model, record };
}

/** Ends all thoughts as the load does, after so many chunks of the request. */
function cutAll({ gate }: ReturnType<typeof loadWorld>['autoscaler'], after: number): void {
  const admit = gate.admit.bind(gate);
  vi.spyOn(gate, 'admit').mockImplementation(async (request) => {
    const admission = await admit(request);
    const cuts = Array.from({ length: request.samples }, () => new AbortController());
    let chunks = 0;
    vi.spyOn(admission.admitted, 'cutOf').mockImplementation((index) => cuts[index]?.signal);
    vi.spyOn(admission.admitted, 'count').mockImplementation((index, { thinking }) => {
      // As the policy, not below the floor.
      if (++chunks >= after && thinking >= Math.max(1, request.floorTokens ?? 0)) cuts[index]?.abort();
    });
    return admission;
  });
}

function reportsOf({ choices, budget_forcing: report }: z.infer<typeof completionSchema>) {
  return choices.flatMap((choice) => choice.budget_forcing ?? report ?? []);
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

describe('a request with any of the rules together', () => {
  it('has exact budgets, an account that adds up, and a bill of every token', async () => {
    const seen = new Map<string, number>();
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    await fc.assert(
      fc.asyncProperty(request, server, interruption, async (body, options, between) => {
        // With one token in a chunk, only end tokens are discarded.
        const { status, json, model, record } = await ask(body, { ...options, chunkSizes: [1] }, between);
        const kept = model.sampled.filter((id) => id !== IM_START && id !== IM_END).length;
        const billed = record.thinking + record.answer + (record.probe ?? 0) + record.aborted;
        if (status !== 200) {
          note(`status ${status}`);
          expect([status, 'hangsAt' in between]).toEqual([504, true]);
          expect(billed).toBeGreaterThanOrEqual(kept);
          return;
        }
        const completion = completionSchema.parse(json);
        const reports = reportsOf(completion);
        const { thinking } = body;
        for (const report of reports) {
          const { thinking_tokens: thought, end_reason: end, events } = report;
          expect(thought).toBeLessThanOrEqual(thinking.max_tokens);
          if (thought < thinking.min_tokens) expect([report.minimum_missed, end]).toEqual(['cut', 'deadline']);
          if (body.max_completion_tokens !== undefined)
            expect(thought + report.answer_tokens).toBeLessThanOrEqual(body.max_completion_tokens);
          expect(report.waits).toBeLessThanOrEqual(report.limits.waits);
          expect(events.every(({ kind, at }) => kind !== 'probe' || at >= thinking.min_tokens)).toBe(true);
          const probed = report.probes ?? { count: 0, tokens: 0 };
          expect(probed.count).toBe(report.calls.filter(({ part }) => part === 'probe').length);
          expect(report.sampled_tokens - report.discarded_tokens + report.forced_tokens).toBe(
            thought + report.answer_tokens + report.delimiter_tokens + probed.tokens,
          );
          expect(sum(report.calls.map(({ tokens }) => tokens))).toBe(report.sampled_tokens);
          note(`ended by ${end}`);
          for (const { kind } of events) note(kind);
        }
        const { usage, choices } = completion;
        expect(usage.completion_tokens).toBe(sum(reports.map((r) => r.thinking_tokens + r.answer_tokens)));
        expect(usage.completion_tokens_details.reasoning_tokens).toBe(sum(reports.map((r) => r.thinking_tokens)));
        const vote = completion.budget_forcing?.vote;
        expect(choices).toHaveLength('vote' in body ? 1 : body.n);
        if (vote !== undefined) {
          note(`vote decided by ${vote.decided_by}`);
          expect(vote.started).toBe(vote.finished + vote.aborted);
          expect(usage.completion_tokens + vote.other_tokens).toBe(record.thinking + record.answer);
          expect(vote.aborted_tokens).toBe(record.aborted);
        } else {
          expect(usage.completion_tokens).toBe(record.thinking + record.answer);
          expect(record.probe ?? 0).toBe(sum(reports.map(({ probes }) => probes?.tokens ?? 0)));
        }
        // The model never samples "Wait" itself. An aborted sample may end between a Wait and the call after it.
        const waits = billed - kept;
        expect(waits).toBeGreaterThanOrEqual(sum(reports.map((report) => report.waits)));
        expect(waits).toBeLessThanOrEqual(record.forced);
        if (vote === undefined) expect(waits).toBe(sum(reports.map((report) => report.waits)));
        if (model.requests.some(({ promptIds }) => promptIds.at(-1) === WAIT)) note('a call after a Wait');
      }),
      { numRuns: runs(600), seed: 20261126 },
    );
    const expected = ['model', 'budget', 'sure', 'load', 'deadline'].map((end) => `ended by ${end}`);
    const kinds = ['wait', 'wait_skipped', 'suppress', 'probe', 'cut'];
    for (const what of [...expected, ...kinds, 'vote decided by lead', 'vote decided by agree']) {
      expect([what, (seen.get(what) ?? 0) >= Math.floor(runs(600) / 100)]).toEqual([what, true]);
    }
  }, 180_000);

  it('is the same in chunks of any shape', async () => {
    let probed = 0;
    await fc.assert(
      fc.asyncProperty(request, server, async (body, options) => {
        // Which sample of a vote finishes first depends on the chunks, as it does on the machine.
        const { vote: _, vote_until: __, ...unvoted } = { vote: undefined, vote_until: undefined, ...body };
        const [one, other] = [await ask(unvoted, { chunkSizes: [1], endsEmpty: false }), await ask(unvoted, options)];
        const first = completionSchema.parse(one.json);
        const second = completionSchema.parse(other.json);
        expect(second.usage).toEqual(first.usage);
        expect(second.choices.map(withoutReport)).toEqual(first.choices.map(withoutReport));
        expect(reportsOf(second).map(withoutOverrun)).toEqual(reportsOf(first).map(withoutOverrun));
        expect(other.record).toEqual(one.record);
        if (reportsOf(first).some(({ probes }) => probes !== undefined)) probed++;
      }),
      { numRuns: runs(250), seed: 20261126 },
    );
    expect(probed).toBeGreaterThan(runs(250) / 20);
  }, 180_000);
});

type Choice = z.infer<typeof completionSchema>['choices'][number];

function withoutReport({ budget_forcing: _, ...choice }: Choice) {
  return choice;
}

/** A report without the tokens that came in one chunk with those before a probe, which are sampled again. */
function withoutOverrun(report: ReturnType<typeof reportsOf>[number]) {
  const { sampled_tokens: sampled, discarded_tokens: discarded, calls, ...rest } = report;
  return { ...rest, kept: sampled - discarded, calls: calls.map(({ tokens: _, ...call }) => call) };
}
