import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { onTestFinished } from 'vitest';
import type { AppDependencies } from '../../lambda/context.ts';
import { type ScriptedModel, type ScriptedSegment, scriptedApp } from '../lambda/scripted-world.ts';

/** Serves the app over a scripted model on a free port, until the test ends. */
export async function serve(
  script: readonly ScriptedSegment[],
  changes: Partial<AppDependencies> = {},
): Promise<{ readonly url: string; readonly model: ScriptedModel }> {
  const { app, model } = scriptedApp(script, changes);
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, model };
}
