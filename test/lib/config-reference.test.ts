import { expect, it } from 'vitest';
import { configReference } from './config-reference.ts';

it('docs/config.md matches the schema of the config', async () => {
  const text = configReference();
  expect(text).toContain('| `models[].vllm.tensorParallel` |');
  await expect(text).toMatchFileSnapshot('../../docs/config.md');
});
