import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { familyTokenizer } from '../../../lib/api/family-tokenizer.ts';
import { trimTokenizer } from '../../../lib/api/trim-tokenizer.ts';

describe('trimTokenizer', () => {
  const text = readFileSync(familyTokenizer('s1') ?? '', 'utf8');
  const trimmed = trimTokenizer(text);

  it('a trimmed tokenizer is less than half as long as the original', () => {
    expect(trimmed.length).toBeLessThan(text.length / 2);
  });

  it('a trimmed tokenizer gives the same ids as the original', () => {
    const [original, small] = [text, trimmed].map((json) => new Tokenizer(JSON.parse(json), {}));
    for (const sample of ['Wait', 'Straße 12\n\tΔx ≈ 3.5', '<|im_start|>think\n', '日本語 🎈👩‍👧']) {
      expect(small?.encode(sample).ids).toEqual(original?.encode(sample).ids);
    }
  });

  it('JSON that is not a tokenizer is refused', () => {
    expect(() => trimTokenizer('{}')).toThrow('This is not a tokenizer.json');
  });
});
