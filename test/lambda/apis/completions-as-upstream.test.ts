import { describe, expect, it } from 'vitest';
import { completionRequestBody } from '../../../lambda/upstream/completion-request.ts';
import { readCompletionStream } from '../../../lambda/upstream/read-completion-stream.ts';
import { bytes, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { scriptedApp } from '../scripted-world.ts';

describe('/v1/completions of one deployment as the upstream or the fallback of another', () => {
  it.each([
    ['at an end token', { says: 'abc', ends: IM_END }, { maxTokens: 10 }, [...bytes('abc'), IM_END], 'stop'],
    ['at its maximum', { says: 'abcdef' }, { maxTokens: 4 }, bytes('abcd'), 'length'],
  ] as const)(
    'a segment that ends %s has every id once, and no chunk seems lost',
    async (_, script, limits, expected, finish) => {
      const { app } = scriptedApp([script]);
      const request = { promptIds: [IM_START, 97], minTokens: 0, stopTokenIds: [IM_END], sampling: {}, ...limits };
      const body = completionRequestBody(request, 'scripted');
      const headers = { 'content-type': 'application/json' };
      const response = await app.request('/v1/completions', { method: 'POST', headers, body });
      if (response.body === null) throw new Error('No body.');
      const ids: number[] = [];
      let last: unknown;
      for await (const chunk of readCompletionStream(response.body)) {
        ids.push(...chunk.tokenIds);
        last = chunk.finishReason;
        if (chunk.reportedTokens !== undefined) expect(expected.length - chunk.reportedTokens).toBeLessThanOrEqual(1);
      }
      expect(ids).toEqual(expected);
      expect(last).toBe(finish);
    },
  );
});
