import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

const readySchema = z.object({ url: z.string() });

/** Starts `budgetforce start` and waits for its URL. */
async function started(): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const args = ['bin/budgetforce.ts', 'start', '--port', '0', '--data', 'none', '--json', '--grace', '20'];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for await (const part of child.stdout ?? []) {
    text += String(part);
    if (text.includes('\n')) break;
  }
  return { process: child, ...readySchema.parse(JSON.parse(text)) };
}

async function longThought(url: string): Promise<Response> {
  return await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'budgetforce-tiny',
      messages: [{ role: 'user', content: 'What is 37 + 58?' }],
      thinking: { min_tokens: 1_500, max_tokens: 1_536 },
      stream: true,
    }),
  });
}

describe('budgetforce start, on SIGTERM', { timeout: 120_000 }, () => {
  it('lets a stream end with its answer, and then ends with 0', async () => {
    const { process: server, url } = await started();
    const response = await longThought(url);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader?.read())?.value ?? '';
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) text += part.value;
    expect(text).toContain('"end_reason":"shutdown"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(await exited).toEqual([0, null]);
  });

  it('ends at once if nothing runs', async () => {
    const { process: server } = await started();
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});
