import { setTimeout as delay } from 'node:timers/promises';
import { chatChunkSchema } from '../../lambda/apis/chat/response-schemas.ts';
import { ApiError } from './client.ts';
import type { Row, World } from './world.ts';

const QUESTION = 'Ben has 65 pens. He uses 30 pens, collects 46 more. How many pens are left?';
const TOKENS = 900;

/**
 * The server crashes in mid-stream and starts again. A stream whose retries are used up before the server is back must end with an
 * error event; a stream that finds it again must go on. Afterwards everything works as before.
 */
export async function checkRestart(world: World): Promise<Row> {
  const { client, vllm, path } = world;
  const check = 'restart of the server in mid-stream';
  const wrong: string[] = [];
  let deltas = 0;
  let restarting: Promise<number> | undefined;
  let outcome = 'ended without an account';
  try {
    for await (const data of client.events(QUESTION, {
      thinking: { min_tokens: TOKENS, max_tokens: TOKENS, waits: 0 },
    })) {
      const chunk = chatChunkSchema.parse(data);
      if (++deltas === 30) restarting = vllm.kill().then(() => vllm.start());
      if (chunk.budget_forcing === undefined) continue;
      outcome = `went on to ${chunk.budget_forcing.thinking_tokens} tokens`;
      if (chunk.budget_forcing.thinking_tokens !== TOKENS)
        wrong.push(`the stream that went on has ${chunk.budget_forcing.thinking_tokens} tokens, not ${TOKENS}`);
    }
  } catch (error) {
    if (error instanceof ApiError) outcome = `ended with the error event ${error.message.slice(0, 140)}`;
    else wrong.push(`the stream broke without an event: ${String(error)}`);
  }
  if (outcome === 'ended without an account') wrong.push('the stream ended without an account and without an error');
  const seconds = await restarting;
  await delay(500);
  const { report } = await client.ask(QUESTION, { thinking: { min_tokens: 50, max_tokens: 50 } });
  if (report.thinking_tokens !== 50)
    wrong.push(`after the restart, thinking has ${report.thinking_tokens} tokens, not 50`);
  return {
    check,
    figures: `over ${path}, the stream ${outcome}; the server was ready again after ${seconds?.toFixed(0)} s, and the next request was exact`,
    wrong,
  };
}
