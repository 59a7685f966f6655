import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { onTestFinished, vi } from 'vitest';

/** Serves an app until the test ends. Returns the base URL of its API. */
export async function serveUntilEnd(app: {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}): Promise<string> {
  const server = createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

/** Runs commands in this process until the test ends. Returns a function that runs one, with its exit code and what it printed. */
export function commandRunner(run: (argv: readonly string[]) => Promise<number>) {
  const printed = { out: '', err: '' };
  const spies = (['out', 'err'] as const).map((name) =>
    vi.spyOn(name === 'out' ? process.stdout : process.stderr, 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return async (...argv: string[]) => {
    Object.assign(printed, { out: '', err: '' });
    const code = await run(argv);
    return { code, ...printed };
  };
}
