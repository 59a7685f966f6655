import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { loadCommand } from '../../cli/commands/load.ts';
import { scalingCommand } from '../../cli/commands/scaling.ts';
import { hashKey } from '../../lambda/keys/hash-key.ts';
import { loadWorld } from '../lambda/scaling/load-world.ts';
import { scriptedApp } from '../lambda/scripted-world.ts';

const command = new URL('../../bin/budgetforce.ts', import.meta.url).pathname;
const portOf = (server: ServerType | Server) => (server.address() as AddressInfo).port;

let out = '';
let server: ServerType;
let url: string;
let world: ReturnType<typeof loadWorld>;
/** Requests that the API received. */
let received: { readonly path: string; readonly method: string; readonly body: unknown }[] = [];

/** The API with a key, over a model that thinks until it is stopped. */
beforeEach(async () => {
  out = '';
  received = [];
  world = loadWorld(1, { now: () => Date.now() / 1_000 });
  const { app } = scriptedApp([], {
    loads: new Map([['scripted', world.autoscaler]]),
    keyHashes: async () => [hashKey('admin-key')],
  });
  server = createAdaptorServer({
    fetch: async (request: Request) => {
      const body = request.method === 'GET' ? undefined : await request.clone().text();
      received.push({
        path: new URL(request.url).pathname,
        method: request.method,
        body: body === undefined || body === '' ? undefined : JSON.parse(body),
      });
      return await app.fetch(request);
    },
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${portOf(server)}/v1`;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  if ('closeAllConnections' in server) server.closeAllConnections();
  server.close();
});

/** Runs a command in this process. */
async function run(
  { run: start }: { run(argv: readonly string[]): Promise<number> },
  ...argv: readonly string[]
): Promise<number> {
  out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  return await start(['--base-url', url, '--api-key', 'admin-key', ...argv]).finally(() => vi.restoreAllMocks());
}

const usage = async (started: Promise<number>) =>
  await started.then(
    () => undefined,
    (error: unknown) => (error instanceof Error && error.name === 'UsageError' ? error.message : error),
  );

const summarySchema = z.object({
  summary: z.object({
    requests: z.int(),
    answered: z.int(),
    refused: z.int(),
    lost: z.int(),
    notSent: z.int(),
    lostBecause: z.array(z.string()),
    shrunk: z.int(),
    leastGranted: z.int().nullable(),
  }),
  samples: z.array(z.object({ at: z.number(), copies: z.int() })),
  answers: z.array(z.object({ status: z.int(), elastic: z.boolean(), granted: z.int() })),
});
type Summary = z.infer<typeof summarySchema>['summary'];
const addsUp = ({ requests, answered, refused, lost, notSent }: Summary) =>
  answered + refused + lost + notSent === requests;

describe('budgetforce load', () => {
  it('budgetforce load sends the requested number of requests, the requested share elastic, and reports each outcome', async () => {
    const code = await run(
      loadCommand,
      '--json',
      ...['--requests', '6', '--rate', '0', '--max-tokens', '60', '--floor', '5', '--elastic', '0.5'],
    );
    const { summary, samples, answers } = summarySchema.parse(JSON.parse(out));
    expect(code).toBe(0);
    expect(summary).toMatchObject({ requests: 6, answered: 6, lost: 0, notSent: 0 });
    expect(addsUp(summary)).toBe(true);
    expect(answers.filter(({ elastic }) => elastic)).toHaveLength(3);
    expect(samples.length).toBeGreaterThanOrEqual(2);
    expect(received.filter(({ path }) => path === '/v1/chat/completions').map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ thinking: { max_tokens: 60, min_tokens: 5, elastic: { floor_tokens: 5 } } }),
    );
  });

  it('budgetforce load prints a line per sample and a summary', async () => {
    expect(await run(loadCommand, '--requests', '2', '--rate', '0', '--max-tokens', '20', '--floor', '5')).toBe(0);
    expect(out).toMatch(/time {2}in flight {2}copies/);
    expect(out).toMatch(/^2 requests: 2 answered, 0 refused with Retry-After, 0 lost$/m);
  });

  it.each([
    [['--requests', 'many'], '--requests is "many". It must be a number from 1 to 100000.'],
    [['--requests', '0'], '--requests is "0".'],
    [['--rate', '-1'], '--rate is "-1".'],
    [['--elastic', '2'], '--elastic is "2". It must be a number from 0 to 1.'],
    [['--max-tokens', ''], '--max-tokens is "".'],
    [['--floor', '900'], '--floor (900) is above --max-tokens (400).'],
  ])('budgetforce load refuses %j and says what to write', async (argv, message) => {
    // With =, since -1 looks like an option.
    const [name = '', value = ''] = argv;
    expect(await usage(run(loadCommand, `${name}=${value}`))).toContain(message);
    expect(received).toEqual([]);
  });

  it('budgetforce load counts a refusal with Retry-After as refused, not as lost', async () => {
    world.control.seen = { current: 0, desired: 0 };
    const zero = loadWorld(0, { now: () => Date.now() / 1_000, capacityWaitMs: 0 });
    const { app } = scriptedApp([], { loads: new Map([['scripted', zero.autoscaler]]) });
    const other = createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    url = `http://127.0.0.1:${portOf(other)}/v1`;
    expect(await run(loadCommand, '--json', '--requests', '3', '--rate', '0')).toBe(0);
    const { summary } = summarySchema.parse(JSON.parse(out));
    expect(summary).toMatchObject({ answered: 0, refused: 3, lost: 0, leastGranted: null });
    other.close();
  });

  it('budgetforce load counts requests as lost and exits with 1 if the API stops', async () => {
    const stopping = server;
    setTimeout(() => {
      if ('closeAllConnections' in stopping) stopping.closeAllConnections();
      stopping.close();
    }, 700);
    const code = await run(loadCommand, '--json', ...['--requests', '20', '--rate', '10', '--floor', '5']);
    const { summary } = summarySchema.parse(JSON.parse(out));
    expect(code).toBe(1);
    expect(summary.lost).toBeGreaterThan(0);
    expect(addsUp(summary)).toBe(true);
    expect(summary.lostBecause.length).toBeGreaterThan(0);
  });

  it('budgetforce load fails with a sentence if the API cannot be reached or answers without JSON', async () => {
    url = 'http://127.0.0.1:1/v1';
    await expect(run(loadCommand, '--requests', '1')).rejects.toThrow('http://127.0.0.1:1/v1 cannot be reached.');
    const page = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(page, 'listening');
    url = `http://127.0.0.1:${portOf(page)}`;
    await expect(run(loadCommand, '--requests', '1')).rejects.toThrow('with no JSON. Does the URL end in /v1?');
    page.close();
    expect(await usage(loadCommand.run(['--base-url', 'nowhere']))).toContain(
      'Give an http:// or https:// URL that ends in /v1.',
    );
  });

  it("budgetforce load shows the API's own message for an unknown model and an invalid key", async () => {
    await expect(run(loadCommand, '--model', 'other')).rejects.toThrow('other');
    await expect(loadCommand.run(['--base-url', url, '--api-key', 'wrong'])).rejects.toThrow('not valid');
  });

  it('budgetforce load stops sending when it is interrupted, and waits for the requests in flight', async () => {
    const started = spawn(process.execPath, [
      ...[command, 'load', '--json', '--base-url', url, '--api-key', 'admin-key'],
      ...['--requests', '500', '--rate', '5', '--max-tokens', '20', '--floor', '5'],
    ]);
    let text = '';
    started.stdout.on('data', (part) => {
      text += String(part);
    });
    const sent = () => received.filter(({ path }) => path === '/v1/chat/completions').length;
    await vi.waitFor(() => expect(sent()).toBeGreaterThan(2), { timeout: 60_000, interval: 50 });
    started.kill('SIGINT');
    const [code] = await once(started, 'close');
    const { summary } = summarySchema.parse(JSON.parse(text));
    expect(code).toBe(0);
    expect(summary).toMatchObject({ requests: 500, lost: 0 });
    expect(summary.notSent).toBeGreaterThan(0);
    expect(summary.answered + summary.refused).toBe(sent());
    expect(addsUp(summary)).toBe(true);
  }, 120_000);
});

const status = () =>
  z.looseObject({ paused: z.boolean(), copies: z.looseObject({ max: z.int() }) }).parse(JSON.parse(out));

describe('budgetforce scaling', () => {
  it('budgetforce scaling show prints copies, load, policy and the last decisions, as text and as JSON', async () => {
    expect(await run(scalingCommand)).toBe(0);
    expect(out).toMatch(/^scripted on local, .* UTC\n {2}copies {5}1 running, 0 starting/);
    expect(out).toContain('Last decisions:');
    expect(await run(scalingCommand, 'show', '--json', '--model', 'scripted')).toBe(0);
    expect(status()).toMatchObject({ model: 'scripted', paused: false });
  });

  it('budgetforce scaling set changes bounds and policy, and restores the deployed policy', async () => {
    expect(
      await run(scalingCommand, 'set', '--json', ...['--min', '1', '--max', '7', '--policy', 'shrink_from=0.5']),
    ).toBe(0);
    expect(status()).toMatchObject({ copies: { min: 1, max: 7 }, policy: { shrink_from: 0.5 } });
    expect(await run(scalingCommand, 'set', '--json', '--policy', 'scaling_policy=demand')).toBe(0);
    expect(status()).toMatchObject({ policy: { shrink_from: 0.5, scaling_policy: 'demand' } });
    expect(await run(scalingCommand, 'set', '--json', '--policy', 'default')).toBe(0);
    expect(status()).not.toMatchObject({ policy: { shrink_from: 0.5 } });
  });

  it('budgetforce scaling pause, resume and wake are idempotent', async () => {
    for (const action of ['pause', 'pause']) expect(await run(scalingCommand, action, '--json')).toBe(0);
    expect(status().paused).toBe(true);
    await expect(run(scalingCommand, 'wake')).rejects.toThrow('The endpoint is paused. Resume it first');
    for (const action of ['resume', 'resume', 'wake', 'wake']) {
      expect(await run(scalingCommand, action, '--json')).toBe(0);
    }
    expect(status().paused).toBe(false);
  });

  it('budgetforce scaling schedule adds a schedule, and unschedule removes it', async () => {
    const when = ['cron(0 7 ? * MON-FRI *)', '--min', '1', '--max', '3', '--timezone', 'Europe/Berlin'];
    expect(await run(scalingCommand, 'schedule', 'morning', ...when)).toBe(0);
    expect(out).toContain('schedule   morning: cron(0 7 ? * MON-FRI *) Europe/Berlin, 1 to 3');
    expect(await run(scalingCommand, 'unschedule', 'morning')).toBe(0);
    expect(out).not.toContain('  schedule');
    await expect(run(scalingCommand, 'unschedule', 'morning')).rejects.toThrow('Unknown schedule "morning".');
  });

  it.each([
    [['sleep'], 'There is no action "sleep". There are: show, set, wake, pause'],
    [['set'], 'set changes nothing. Give --min, --max or --policy.'],
    [['set', '--min', 'two'], '--min is "two". It must be a whole number from 0 to 9999.'],
    [['set', '--policy', 'speed=1'], '--policy is "speed=1". Write NAME=NUMBER with a name of: target_utilization'],
    [['set', '--policy', 'shrink_from'], 'Write NAME=NUMBER'],
    [['set', '--policy', 'shrink_from=0.5=1'], 'Write NAME=NUMBER'],
    [['set', '--policy', 'scaling_policy=fast'], 'Write scaling_policy= and one of: demand.'],
    [['schedule', 'morning', '--min', '1'], 'Write schedule NAME'],
    [['unschedule'], 'Write unschedule NAME.'],
    [['--min', '1'], 'show does not take --min, so nothing was done.'],
    [['wake', '--max', '3'], 'wake does not take --max'],
    [['pause', 'now'], 'pause does not take now.'],
  ])('budgetforce scaling refuses %j without a request', async (argv, message) => {
    expect(await usage(run(scalingCommand, ...argv))).toContain(message);
    expect(received).toEqual([]);
  });

  it("budgetforce scaling shows the API's own message for a refusal", async () => {
    await expect(run(scalingCommand, 'set', '--min', '9')).rejects.toThrow('min_copies (9) is greater than max_copies');
    await expect(run(scalingCommand, 'set', '--policy', 'shrink_from=99')).rejects.toThrow('policy.shrink_from');
    await expect(run(scalingCommand, 'show', '--model', 'other')).rejects.toThrow('Models that do: scripted.');
  });

  it('budgetforce scaling takes URL and key from the environment', async () => {
    vi.stubEnv('BUDGETFORCE_BASE_URL', `${url}/`);
    vi.stubEnv('BUDGETFORCE_API_KEY', 'admin-key');
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    expect(await scalingCommand.run([])).toBe(0);
  });
});

describe('The command line', () => {
  let closed: string;
  beforeAll(async () => {
    const stopped = createServer().listen(0, '127.0.0.1');
    await once(stopped, 'listening');
    closed = `http://127.0.0.1:${portOf(stopped)}/v1`;
    stopped.close();
  });
  afterAll(() => vi.restoreAllMocks());

  it.each([
    ['scaling', ['--base-url', 'CLOSED'], 1, 'cannot be reached'],
    ['load', ['--base-url', 'CLOSED'], 1, 'cannot be reached'],
    ['scaling', ['sleep'], 2, 'There is no action'],
    ['load', ['--speed', '1'], 2, "Unknown option '--speed'"],
  ])(
    'budgetforce %s %j exits with %i and prints one line',
    async (name, argv, expected, message) => {
      const started = spawn(process.execPath, [
        command,
        name,
        ...argv.map((word) => (word === 'CLOSED' ? closed : word)),
      ]);
      let error = '';
      started.stderr.on('data', (part) => {
        error += String(part);
      });
      const [code] = await once(started, 'close');
      expect(code).toBe(expected);
      expect(error).toContain(message);
      expect(error.trim().split('\n')).toHaveLength(1);
    },
    60_000,
  );
});
