import { fileURLToPath } from 'node:url';
import { type DurableContext, withDurableExecution } from '@aws/durable-execution-sdk-js';
import { backgroundDialects } from '../apis/background-dialects.ts';
import { compose } from '../compose.ts';
import { readSettings, SETTINGS_FILE } from '../settings/read-settings.ts';
import { durableHandler } from './durable-handler.ts';
import { BackgroundRunner } from './runner.ts';

const besideCode = fileURLToPath(new URL(SETTINGS_FILE, import.meta.url));
const settings = readSettings(process.env, besideCode);
const dependencies = await compose({ ...settings, capacityWaitMs: 0 });
const { responses } = dependencies;
const { background } = settings;
if (responses === undefined || background === undefined) {
  throw new Error(
    'The settings have no background, or no place for responses: retention.responsesDays, table and bucket.',
  );
}
const runner = new BackgroundRunner({
  store: responses.store,
  dependencies,
  dialects: backgroundDialects,
  ...background,
});

/** Entry point of the durable function: runs one response in the background to its end. */
export const handler = withDurableExecution(
  async (event: unknown, context: DurableContext) => await durableHandler(event, context, runner),
);
