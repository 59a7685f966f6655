import { App } from 'aws-cdk-lib';
import { ConfigError, loadConfig } from '../lib/config.ts';
import { RefusedError } from '../lib/facts/refusal.ts';
import { addStacks } from '../lib/stacks.ts';

const app = new App();
try {
  // Several stages in one app share one bundle: --context config=config/a.json,config/b.json
  for (const file of String(app.node.getContext('config')).split(',')) addStacks(app, loadConfig(file));
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof RefusedError)) throw error;
  // The message of a wrong config says what to write. A stack trace would hide it.
  console.error(`\n${error.message}\n`);
  process.exit(1);
}
