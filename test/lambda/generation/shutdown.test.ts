import { describe, expect, it } from 'vitest';
import { Shutdown } from '../../../lambda/generation/shutdown.ts';
import { dayOf, Ledger, type UsageRecord } from '../../../lambda/keys/ledger.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { IM_END } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

const NOW = 1_700_000_000;
const path = '/v1/chat/completions';

/** An app whose model hangs in its thought, and answers when the thought is cut. */
function hanging(answer: Parameters<typeof scriptedApp>[0][number]) {
  const shutdown = new Shutdown();
  const ledger = new Ledger(new MemoryTable(), () => NOW);
  const { app } = scriptedApp([{ says: '\n1 + 1', hangs: true }, answer], { shutdown, ledger, unixTime: () => NOW });
  const usage = async () => {
    const records: UsageRecord[] = [];
    for await (const record of ledger.records([dayOf(NOW)])) records.push(record);
    return records;
  };
  return { app, shutdown, usage };
}

async function untilRunning(shutdown: Shutdown): Promise<void> {
  while (shutdown.running === 0) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('A shutdown', () => {
  it('cuts a thought, whose answer comes, and settles its usage', async () => {
    const { app, shutdown, usage } = hanging({ says: '\nTwo.', ends: IM_END });
    const pending = app.request(path, chat({}));
    await untilRunning(shutdown);
    shutdown.begin();
    const response = await pending;
    expect(await response.json()).toMatchObject({
      choices: [{ finish_reason: 'stop' }],
      budget_forcing: { end_reason: 'shutdown', thinking_tokens: 6 },
    });
    expect(await usage()).toMatchObject([{ status: 'settled', thinking: 6, aborted: 0 }]);
  });

  it('fails an answer that does not end in the grace time, and settles its tokens before it is over', async () => {
    const { app, shutdown, usage } = hanging({ says: '\nTw', hangs: true });
    const response = Promise.resolve(app.request(path, chat({ stream: true }))).then(
      async (answer) => await answer.text(),
    );
    await untilRunning(shutdown);
    shutdown.begin();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await shutdown.end();
    const [record] = await usage();
    expect(record).toMatchObject({ status: 'settled', answer: 0 });
    expect(record?.aborted).toBeGreaterThan(6);
    expect(await response).toContain('server_stopping');
  });

  it('refuses requests that come after it with 503 and Retry-After', async () => {
    const { app, shutdown, usage } = hanging({ says: '' });
    shutdown.begin();
    const response = await app.request(path, chat({}));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await usage()).toEqual([]);
  });

  it('is over at once if nothing runs', async () => {
    await expect(new Shutdown().end()).resolves.toBeUndefined();
  });
});
