import { expect, it } from 'vitest';
import { configReference } from './config-reference.ts';

it('docs/config.md says what the config takes', async () => {
  const text = configReference();
  expect(text).toContain('| `models[].vllm.tensorParallel` |');
  await expect(text).toMatchFileSnapshot('../../docs/config.md');
});
