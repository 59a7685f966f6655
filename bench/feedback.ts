/**
 * What storing a conversation adds at the end of a stream: `npx node bench/feedback.ts --requests 300`.
 *
 * Asks the embedded model by two keys in turn, of which one allows to store. Prints the time from the last text of the answer to the end
 * of the stream, its median and p95 for both, and the difference. The store is that of a laptop: a folder and the embedded table.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startLocal } from '../local/start-local.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '300' } } });
const folder = await mkdtemp(join(tmpdir(), 'feedback-bench-'));
const server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder: folder, feedbackDays: 30 });
try {
  const keys = { stored: await createKey(true), 'not stored': await createKey(false) };
  const times: Record<keyof typeof keys, number[]> = { stored: [], 'not stored': [] };
  for (let request = -10; request < Number(values.requests); request++) {
    for (const kind of ['stored', 'not stored'] as const) {
      const ms = await endOfStream(keys[kind]);
      // The first ones warm up.
      if (request >= 0) times[kind].push(ms);
    }
  }
  for (const [kind, of] of Object.entries(times)) {
    console.log(`${kind.padEnd(10)}  ${of.length} requests  median ${at(of, 0.5)} ms  p95 ${at(of, 0.95)} ms`);
  }
  const added = (share: number) => (at(times.stored, share) - at(times['not stored'], share)).toFixed(1);
  console.log(`added: median ${added(0.5)} ms, p95 ${added(0.95)} ms`);
} finally {
  await server.close();
  await rm(folder, { recursive: true });
}

async function createKey(store: boolean): Promise<string> {
  const response = await fetch(`${server.url}/v1/admin/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', store }),
  });
  return z.object({ key: z.string() }).parse(await response.json()).key;
}

/** Time from the last text of an answer to the end of its stream, in milliseconds. */
async function endOfStream(key: string): Promise<number> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: server.model.id,
      messages: [{ role: 'user', content: 'What is 12 - 5 + 7?' }],
      user: 'bench',
      stream: true,
    }),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let lastText = performance.now();
  for await (const chunk of response.body) {
    if (Buffer.from(chunk).includes('"content":"')) lastText = performance.now();
  }
  return performance.now() - lastText;
}

function at(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Number((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(1));
}
