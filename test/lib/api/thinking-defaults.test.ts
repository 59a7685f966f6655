import { describe, expect, it } from 'vitest';
import { thinkingDefaults, withOverrides } from '../../../lib/api/thinking-defaults.ts';

describe('thinkingDefaults', () => {
  it('default budgets leave room for a prompt beside the longest thinking and a default answer', () => {
    const { maxTokens, defaultMaxAnswerTokens } = thinkingDefaults(32_768);
    expect(32_768 - maxTokens - defaultMaxAnswerTokens).toBe(2_048);
  });

  it('a model has no effort max of its own unless its config gives one', () => {
    expect(withOverrides(thinkingDefaults(32_768)).efforts).not.toHaveProperty('max');
    expect(withOverrides(thinkingDefaults(32_768), { efforts: { max: 9_000 } }).efforts).toMatchObject({ max: 9_000 });
  });

  it('default budgets shrink to a smaller maximum, unless they are overridden', () => {
    const thinking = withOverrides(thinkingDefaults(32_768), { maxTokens: 4_000, efforts: { low: 100 } });
    expect(thinking).toMatchObject({ defaultMaxTokens: 4_000, efforts: { minimal: 512, low: 100, xhigh: 4_000 } });
  });
});
