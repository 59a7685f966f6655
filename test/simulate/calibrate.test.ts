import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { calibrate, fitProfile, stepSamples, type TimedRequest } from '../../simulate/calibrate.ts';
import { plainProfile } from './worlds.ts';

const timed = (part: Partial<TimedRequest>): TimedRequest => ({
  sentAt: 0,
  firstAt: 100,
  endAt: 1_100,
  promptTokens: 20,
  outputTokens: 101,
  ...part,
});

describe('Fitting a profile', () => {
  it('the number of concurrent requests is derived from their times', () => {
    const samples = stepSamples([timed({}), timed({}), timed({ firstAt: 600, endAt: 1_600 })]);
    expect(samples.map(({ requests }) => requests)).toEqual([2.5, 2.5, 2]);
    expect(samples[0]?.seconds).toBeCloseTo(0.01, 9);
  });

  it('the fit finds the step, the time per sequence and the prefill speed', () => {
    const samples = [1, 2, 4, 8].map((requests) => ({ requests, seconds: 0.02 + 0.003 * requests }));
    const profile = fitProfile({
      base: plainProfile,
      name: 'mine',
      short: [timed({ promptTokens: 20, firstAt: 123 + 10 })],
      long: [timed({ promptTokens: 220, firstAt: 123 + 110 })],
      samples,
      maxLevel: 8,
    });
    expect(profile.speed.stepSeconds).toBeCloseTo(0.02, 9);
    expect(profile.speed.sequenceSeconds).toBeCloseTo(0.003, 9);
    expect(profile.speed.prefillTokensPerSecond).toBeCloseTo(2_000, 6);
    // 133 ms to the first token: 10 ms of prefill, one step, and the overhead.
    expect(profile.callOverheadSeconds).toBeCloseTo(0.1, 9);
    expect(profile.speed.maxSequences).toBe(plainProfile.speed.maxSequences);
  });

  it('the fit recognizes queued requests', () => {
    const samples = [1, 2, 4, 4].map((requests) => ({ requests, seconds: 0.01 }));
    const { speed } = fitProfile({
      base: plainProfile,
      name: 'mine',
      short: [timed({})],
      long: [timed({})],
      samples,
      maxLevel: 8,
    });
    expect(speed.maxSequences).toBe(4);
  });
});

describe('Calibrating against a running API', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** Streams a token every 5 ms, after 1 ms per word of the prompt. */
  async function serve(status = 200): Promise<string> {
    server = createServer(async (request, response) => {
      if (request.url === '/v1/models') return response.end(JSON.stringify({ data: [{ id: 'slow' }] }));
      if (status !== 200) return response.writeHead(status).end('no');
      let body = '';
      for await (const part of request) body += String(part);
      const { messages, thinking } = JSON.parse(body);
      const words = String(messages[0].content).split(' ').length;
      await sleep(words);
      const send = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
      for (let token = 0; token < thinking.max_tokens; token++) {
        send({ choices: [{ delta: { reasoning_content: 'x' } }] });
        await sleep(5);
      }
      send({ choices: [], usage: { prompt_tokens: words, completion_tokens: thinking.max_tokens } });
      response.end('data: [DONE]\n\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  it('calibration measures decode steps and prefill', async () => {
    const baseUrl = await serve();
    const profile = await calibrate({
      baseUrl,
      apiKey: undefined,
      model: undefined,
      base: plainProfile,
      levels: [1, 2],
      outputTokens: 40,
    });
    expect(profile.name).toBe(`slow at ${baseUrl}`);
    // On a busy machine, timers fire late, never early.
    const step = profile.speed.stepSeconds + profile.speed.sequenceSeconds;
    expect(step).toBeGreaterThan(0.004);
    expect(step).toBeLessThan(0.03);
    expect(profile.speed.prefillTokensPerSecond).toBeGreaterThan(300);
    expect(profile.speed.prefillTokensPerSecond).toBeLessThan(2_000);
  });

  it('calibration reports the error of a stream', async () => {
    server = createServer((request, response) =>
      response.end(
        request.url === '/v1/models'
          ? '{"data":[{"id":"m"}]}'
          : 'data: {"error":{"message":"No copy is in service.","code":503}}\n\n',
      ),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    await expect(calibrate({ baseUrl, apiKey: undefined, model: undefined, base: plainProfile })).rejects.toThrow(
      `${baseUrl} ended the stream with an error: No copy is in service.`,
    );
  });

  it('calibration reports the status and the body of a failed request', async () => {
    const baseUrl = await serve(500);
    await expect(calibrate({ baseUrl, apiKey: undefined, model: undefined, base: plainProfile })).rejects.toThrow(
      `${baseUrl}/chat/completions returned status 500: no`,
    );
  });
});
