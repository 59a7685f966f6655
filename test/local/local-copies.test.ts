import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { runBurst } from '../../cli/load-burst.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';
import { chromiumPath } from '../web/browser.ts';

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })),
  budget_forcing: z.object({
    thinking_tokens: z.int(),
    end_reason: z.string(),
    limits: z.object({ max_tokens: z.int(), set_by: z.object({ max_tokens: z.string() }) }),
    load: z.object({
      elastic: z.boolean(),
      wanted: z.int(),
      granted: z.int(),
      floor: z.int(),
      set_by: z.string(),
      copies: z.int(),
    }),
  }),
});

let server: LocalServer;

beforeAll(async () => {
  server = await startLocal({
    port: 0,
    host: 'localhost',
    copies: {
      min: 0,
      max: 2,
      startSeconds: 1,
      requestsPerCopy: 2,
      tokenMs: 20,
      promptSpeed: 20_000,
      promptChunk: 512,
      scaleInSeconds: 3,
      waitSeconds: 600,
      elastic: 'asked',
    },
  });
}, 300_000);

afterAll(async () => {
  await server.close();
});

const ask = async (thinking: Readonly<Record<string, unknown>>, more = {}) =>
  await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }],
      max_completion_tokens: 400,
      thinking,
      ...more,
    }),
  });

// The tests build on each other: asleep, woken, full, scaled out, calm, asleep.
describe('The local server with emulated copies', () => {
  it('the first request wakes the endpoint, is kept alive with a status message, and is answered', async () => {
    expect(server.fleet?.running).toBe(0);
    const response = await ask({ max_tokens: 40, elastic: true }, { stream: true });
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toMatch(/^: endpoint_starting: the first copy is expected in \d+ s/m);
    expect(text).toContain('data: [DONE]');
    expect(server.fleet?.running).toBeGreaterThanOrEqual(1);
  }, 300_000);

  it('a burst shrinks elastic budgets, adds copies, and loses no request', async () => {
    // Requests that are not elastic hold their places long enough for more copies to start.
    const stiff = Array.from({ length: 4 }, async () => {
      const response = await ask({ min_tokens: 100, max_tokens: 120 });
      expect(response.status).toBe(200);
      const answer = answerSchema.parse(await response.json());
      expect(answer.budget_forcing.load).toMatchObject({ elastic: false, wanted: 120, granted: 120 });
      expect(answer.budget_forcing.thinking_tokens).toBeGreaterThanOrEqual(100);
    });
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const response = await ask({ max_tokens: 300, min_tokens: 8, elastic: { floor_tokens: 16 } });
        expect(response.status).toBe(200);
        expect(Number(response.headers.get('x-thinking-wanted-tokens'))).toBe(300);
        const answer = answerSchema.parse(await response.json());
        expect(Number(response.headers.get('x-thinking-granted-tokens'))).toBe(answer.budget_forcing.load.granted);
        return answer.budget_forcing;
      }),
    );
    const granted = answers.map(({ load }) => load.granted);
    expect(Math.min(...granted)).toBeLessThan(100);
    await Promise.all(stiff);
    for (const { load, thinking_tokens: tokens, limits } of answers) {
      expect(load).toMatchObject({ elastic: true, wanted: 300, floor: 16 });
      expect(load.granted).toBeGreaterThanOrEqual(16);
      expect(tokens).toBeLessThanOrEqual(load.granted);
      if (load.granted < 300) expect(limits.set_by.max_tokens).toBe('load');
    }
    await vi.waitFor(() => expect(server.fleet?.running).toBe(2), { timeout: 60_000, interval: 200 });
  }, 300_000);

  it('elastic requests are granted their maximum again after the burst', async () => {
    await vi.waitFor(
      async () => {
        const answer = answerSchema.parse(await (await ask({ max_tokens: 60, elastic: true })).json());
        expect(answer.budget_forcing.load).toMatchObject({ wanted: 60, granted: 60, set_by: 'request' });
      },
      { timeout: 250_000, interval: 1_000 },
    );
  }, 300_000);

  it('budgetforce load reports every second of a burst and loses no request', async () => {
    const { answers, samples } = await runBurst({
      baseUrl: `${server.url}/v1`,
      apiKey: undefined,
      model: undefined,
      requests: 10,
      rate: 0,
      maxTokens: 300,
      floorTokens: 48,
      elastic: 0.75,
    });
    expect(answers.filter(({ lost }) => lost !== undefined)).toEqual([]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers.filter(({ elastic, granted }) => !elastic && granted < 300)).toEqual([]);
    expect(answers.some(({ granted }) => granted < 300)).toBe(true);
    expect(Math.max(...samples.map(({ inFlight }) => inFlight))).toBeGreaterThan(4);
  }, 300_000);

  it.skipIf(chromiumPath === undefined)('the page shows copies, committed tokens and granted thinking', async () => {
    const browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      await page.goto(server.url);
      const panel = page.getByLabel('Load of the model');
      await panel.waitFor();
      expect(await panel.textContent()).toMatch(
        /Copies\d of 2.*Tokens committed[\d,]+ in \d+ request.*Thinking granted/,
      );
      const points = async () =>
        (await panel.locator('polyline').first().getAttribute('points'))?.split(' ').length ?? 0;
      await vi.waitFor(async () => expect(await points()).toBeGreaterThan(1), { timeout: 30_000, interval: 300 });
    } finally {
      await browser.close();
    }
  });

  it('a schedule runs on time', async () => {
    const admin = async (method: string, path: string, body?: unknown) => {
      const response = await fetch(`${server.url}/v1/admin/scaling${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect(response.status).toBe(200);
      return await response.json();
    };
    const soon = new Date(Date.now() + 3_000).toISOString().slice(0, 19);
    await admin('PUT', '/schedules/soon', { schedule: `at(${soon})`, min_copies: 2, max_copies: 2 });
    await vi.waitFor(
      async () =>
        expect(await admin('GET', '')).toMatchObject({
          copies: { running: 2, min: 2, max: 2 },
          schedules: [{ name: 'soon' }],
        }),
      { timeout: 60_000, interval: 500 },
    );
    await admin('DELETE', '/schedules/soon');
    expect(await admin('PATCH', '', { min_copies: 0 })).toMatchObject({ copies: { min: 0, max: 2 } });
  }, 120_000);

  it('the endpoint scales to zero without requests', async () => {
    await vi.waitFor(() => expect(server.fleet?.running).toBe(0), { timeout: 250_000, interval: 500 });
  }, 300_000);

  it('a wake that fails for lack of capacity is reported', async () => {
    server.fleet?.failStarts('Unable to provision requested ML compute capacity: InsufficientInstanceCapacity.');
    const response = await ask({ max_tokens: 20 });
    const { error } = z
      .object({ error: z.object({ code: z.string(), message: z.string() }) })
      .parse(JSON.parse((await response.text()).trim()));
    expect(error).toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('InsufficientInstanceCapacity'),
    });
  }, 300_000);
});
