import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compose } from '../../lambda/compose.ts';
import type { AppDependencies } from '../../lambda/context.ts';
import type { OutputPrefix } from '../../lambda/forcing/format.ts';
import type { RequestedBudget } from '../../lambda/forcing/settle-limits.ts';
import type { GenerationRequest } from '../../lambda/generation/request.ts';
import { startGeneration } from '../../lambda/generation/start-generation.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

let server: LocalServer;
let dependencies: AppDependencies;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
  const settings = {
    models: [server.model],
    requestTimeoutMs: 60_000,
    capacityWaitMs: 0,
    keepAliveMs: 0,
    retention: { responsesDays: 0, feedbackDays: 0, filesDays: 0 },
  };
  dependencies = await compose(settings, () => {});
});
afterAll(() => server.close());

/** A greedy generation, with the text and the account of its only sample. */
async function run(question: string, { prefix, ...requested }: RequestedBudget & { readonly prefix?: OutputPrefix }) {
  const [model] = dependencies.models;
  if (model === undefined) throw new Error('No model is served.');
  const request: GenerationRequest = {
    model,
    turns: [{ role: 'user', content: [{ text: question }] }],
    tools: undefined,
    ...(prefix === undefined ? {} : { prefix }),
    requested,
    names: { minTokens: 'min', maxTokens: 'max', maxCompletionTokens: 'total' },
    thinking: {
      maximum: undefined,
      minTokens: undefined,
      waits: undefined,
      waitText: undefined,
      softLanding: undefined,
      detectLoops: undefined,
      deadlineMs: undefined,
      elastic: undefined,
      exclude: false,
    },
    sampling: { temperature: 0 },
    stopTexts: [],
    samples: 1,
  };
  const context = {
    requestId: 'r',
    caller: { id: 'anonymous', admin: false, limits: {} },
    signal: new AbortController().signal,
  };
  const text = { thinking: '', answer: '' };
  const running = await startGeneration(request, dependencies, context);
  for await (const { value } of running.events) {
    if (value.kind === 'text') text[value.part] += value.text;
    if (value.kind === 'done') return { ...text, report: value.report, promptTokens: running.promptTokens };
  }
  throw new Error('The generation ended without an account.');
}

describe.each(['16 + 98 - 50 - 45 + 42 - 54 = ?', 'Begin with 78, plus 31; take away 47; increase it by 26'])(
  'A greedy output of %s on the embedded engine',
  (question) => {
    it('continues from its thought, cut at any token, with the same text', { timeout: 300_000 }, async () => {
      const whole = await run(question, {});
      expect(whole.report.endReason).toBe('model');
      for (let tokens = 1; tokens < whole.report.thinkingTokens; tokens += 3) {
        const { thinking } = await run(question, { maxTokens: tokens });
        const rest = await run(question, { prefix: { thinking } });
        expect({ thinking: thinking + rest.thinking, answer: rest.answer }, `cut at ${tokens}`).toEqual({
          thinking: whole.thinking,
          answer: whole.answer,
        });
        // Given tokens are prompt tokens, and no limit counts them.
        if (thinking === '') continue;
        expect(rest.promptTokens + rest.report.thinkingTokens).toBe(whole.promptTokens + whole.report.thinkingTokens);
        expect(rest.report).toMatchObject({ promptTokens: rest.promptTokens, endReason: 'model' });
      }
    });

    it('continues from its answer, cut at any token, with the same text', { timeout: 300_000 }, async () => {
      const whole = await run(question, {});
      expect(whole.report.answerTokens).toBeGreaterThan(2);
      for (let tokens = 2; tokens < whole.report.answerTokens; tokens++) {
        const cut = await run(question, { maxAnswerTokens: tokens });
        const rest = await run(question, { prefix: { thinking: whole.thinking, answer: cut.answer } });
        expect(cut.answer + rest.answer, `cut at ${tokens}`).toBe(whole.answer);
        expect(rest).toMatchObject({
          thinking: '',
          report: { thinkingTokens: 0, endReason: 'disabled', forcedTokens: 0 },
        });
      }
    });

    it('answers at once from a given thought if the maximum is 0', async () => {
      const { thinking } = await run(question, {});
      const { report, answer } = await run(question, { prefix: { thinking }, maxTokens: 0 });
      expect(report).toMatchObject({ thinkingTokens: 0, endReason: 'budget' });
      expect(answer).toMatch(/^Final Answer:/);
    });
  },
);
