import { describe, expect, it } from 'vitest';
import { completionRequestBody } from '../../../lambda/upstream/completion-request.ts';
import { TokensMismatchError } from '../../../lambda/upstream/errors.ts';
import { readCompletionStream } from '../../../lambda/upstream/read-completion-stream.ts';
import type { SegmentChunk } from '../../../lambda/upstream/segment-model.ts';
import { TokenCount } from '../../../lambda/upstream/token-count.ts';

const encoder = new TextEncoder();
const data = (chunk: unknown) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`;
const choice = (fields: object) => ({ choices: [{ text: '', token_ids: [], ...fields }] });
const usage = (prompt: number, completion?: number, cached?: number | null) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  ...(cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: cached } }),
});

async function read(parts: readonly (string | Uint8Array)[], promptLogprobs?: boolean): Promise<SegmentChunk[]> {
  async function* bytes() {
    for (const part of parts) yield typeof part === 'string' ? encoder.encode(part) : part;
  }
  const chunks: SegmentChunk[] = [];
  for await (const chunk of readCompletionStream(bytes(), { promptLogprobs })) chunks.push(chunk);
  return chunks;
}
const readChunks = (...chunks: readonly unknown[]) => read([...chunks.map(data), data('[DONE]')]);

describe('the chunks of a stream', () => {
  it('have what the server sent, and no more', async () => {
    expect(
      await readChunks(
        choice({ text: 'a', token_ids: [1], finish_reason: null, stop_reason: null, logprobs: null }),
        choice({ text: 'b', token_ids: [2, 3], finish_reason: 'stop', stop_reason: 'END' }),
      ),
    ).toEqual([
      { tokenIds: [1], text: 'a' },
      { tokenIds: [2, 3], text: 'b', finishReason: 'stop', stopReason: 'END' },
    ]);
    expect(await readChunks(choice({ token_ids: [9], finish_reason: 'length', stop_reason: 9 }))).toEqual([
      { tokenIds: [9], text: '', finishReason: 'length', stopReason: 9 },
    ]);
  });

  it('have the usage of the whole call on the last one', async () => {
    const last = choice({ text: 'a', token_ids: [1], finish_reason: 'stop' });
    const withUsage = async (given: object) => (await readChunks(last, { choices: [], usage: given })).at(-1);
    expect(await withUsage(usage(5, 1, 3))).toEqual({
      tokenIds: [1],
      text: 'a',
      finishReason: 'stop',
      promptUsage: { total: 5, cached: 3 },
      reportedTokens: 1,
    });
    expect(await withUsage(usage(5))).toMatchObject({ promptUsage: { total: 5, cached: 0 } });
    expect(await withUsage(usage(5))).not.toHaveProperty('reportedTokens');
    expect(await withUsage(usage(5, 1, null))).toMatchObject({ promptUsage: { total: 5, cached: 0 } });
    expect(await readChunks(last, { choices: [], usage: null })).toEqual([
      { tokenIds: [1], text: 'a', finishReason: 'stop' },
    ]);
  });

  it('have the usage of a chunk only if it says how much was cached', async () => {
    const [running, cached] = await readChunks(
      { ...choice({ text: 'a', token_ids: [1] }), usage: usage(5, 1) },
      { ...choice({ text: 'b', token_ids: [2], finish_reason: 'stop' }), usage: usage(5, 2, 4) },
    );
    expect(running).not.toHaveProperty('promptUsage');
    expect(cached).toMatchObject({ promptUsage: { total: 5, cached: 4 } });
  });

  it('after the last one are dropped, unless they have the usage', async () => {
    const chunks = await readChunks(
      choice({ text: 'a', token_ids: [1], finish_reason: 'stop' }),
      choice({ text: 'late', token_ids: [2] }),
      // It says nothing about the cache, so it is none of the whole call.
      { ...choice({ text: 'late', token_ids: [2] }), usage: usage(5, 9) },
      choice({ text: 'a', token_ids: [1], finish_reason: 'stop' }),
      { choices: [], usage: usage(5, 1) },
    );
    expect(chunks).toEqual([
      { tokenIds: [1], text: 'a', finishReason: 'stop', promptUsage: { total: 5, cached: 0 }, reportedTokens: 1 },
    ]);
  });

  it('of which one has no choice count as nothing', async () => {
    expect(await readChunks({ choices: [] }, choice({ token_ids: [1], finish_reason: 'stop' }))).toEqual([
      { tokenIds: [], text: '' },
      { tokenIds: [1], text: '', finishReason: 'stop' },
    ]);
  });

  it('may be cut inside a character', async () => {
    const bytes = encoder.encode(data(choice({ text: '🤔', token_ids: [1], finish_reason: 'stop' })));
    for (let at = 1; at < bytes.length; at++) {
      expect(await read([bytes.subarray(0, at), bytes.subarray(at)])).toMatchObject([{ text: '🤔' }]);
    }
  });

  it('need token ids with their text', async () => {
    await expect(readChunks(choice({ text: 'a', token_ids: null }))).rejects.toMatchObject({
      code: 'model_failed',
      message:
        'The model server sent text without token ids. Budgets are counted in ids: use a server that supports `return_token_ids` (vLLM 0.10.2 or newer).',
    });
    expect(await readChunks(choice({ token_ids: null, finish_reason: 'stop' }))).toMatchObject([{ tokenIds: [] }]);
  });
});

describe('log-probabilities of a stream', () => {
  const logprobs = {
    tokens: ['a', 'b'],
    token_logprobs: [-0.5, null],
    top_logprobs: [{ '7': -2, a: -0.5, z: null }, null],
  };
  const first = {
    token: 'a',
    logprob: -0.5,
    top: [
      { token: 'a', logprob: -0.5 },
      { token: '7', logprob: -2 },
      { token: 'z', logprob: -9_999 },
    ],
  };
  const second = { token: 'b', logprob: -9_999, top: [] };

  it('come one for each token, the most likely first, and -9999 for negative infinity', async () => {
    const [chunk] = await readChunks(choice({ text: 'ab', token_ids: [1, 2], finish_reason: 'stop', logprobs }));
    expect(chunk?.logprobs).toEqual([first, second]);
    const bare = { tokens: ['a'], token_logprobs: [-0.5], top_logprobs: null };
    const [plain] = await readChunks(choice({ text: 'a', token_ids: [1], finish_reason: 'stop', logprobs: bare }));
    expect(plain?.logprobs).toEqual([{ token: 'a', logprob: -0.5, top: [] }]);
  });

  it('of the prompt come first if they were requested, and the text of the prompt is dropped', async () => {
    const echoed = data(choice({ text: 'prompt b', token_ids: [2], finish_reason: 'stop', logprobs }));
    expect(await read([echoed], true)).toEqual([
      { tokenIds: [2], text: '', finishReason: 'stop', promptLogprobs: [first], logprobs: [second] },
    ]);
    const plain = data(choice({ text: 'ab', token_ids: [1, 2], finish_reason: 'stop', logprobs }));
    expect(await read([plain], true)).toEqual([
      { tokenIds: [1, 2], text: 'ab', finishReason: 'stop', logprobs: [first, second] },
    ]);
    const none = data(choice({ text: 'ab', token_ids: [1, 2], finish_reason: 'stop' }));
    expect(await read([none], true)).toEqual([{ tokenIds: [1, 2], text: 'ab', finishReason: 'stop' }]);
  });
});

describe('a stream that does not end as it should', () => {
  it.each([
    [['a line that is no event'], 'model_stream_broken', 'The stream of the model broke before a finish reason.'],
    [[data('[DONE]')], 'model_stream_broken', 'The stream of the model ended without a finish reason.'],
    [
      [data(choice({ finish_reason: 'abort' }))],
      'model_stream_broken',
      'The model server ended the stream with the finish reason "abort".',
    ],
    [[data('{"choices"')], 'model_failed', 'The model server sent a chunk that is not one of a text completion.'],
    [
      [data({ choices: [{ text: 5 }] })],
      'model_failed',
      'The model server sent a chunk that is not one of a text completion.',
    ],
    [[data({ error: 'boom' })], 'model_failed', 'The model server failed: boom'],
    [[data({ error: {} })], 'model_failed', 'The model server failed: no message'],
    [[data({ error: { message: 'late', code: 500 } })], 'model_failed', 'The model server failed: late'],
    [[data({ error: { message: 'odd', code: 399 } })], 'model_failed', 'The model server failed: odd'],
    [
      [data({ error: { message: 'long', code: 400 } })],
      'model_rejected_request',
      'The model server rejected the request: long',
    ],
    [
      [data({ error: { message: 'long', code: '499' } })],
      'model_rejected_request',
      'The model server rejected the request: long',
    ],
  ])('%j is the error %s', async (parts, code, message) => {
    await expect(read(parts)).rejects.toMatchObject({ code, message });
  });

  it('keeps what the server wrote from the client', async () => {
    for (const code of [400, 500]) {
      const error: unknown = await read([data({ error: { message: 'host gpu-7', code } })]).catch((e: unknown) => e);
      expect(error).toMatchObject({ serverMessage: 'host gpu-7', publicMessage: expect.not.stringContaining('gpu-7') });
    }
  });

  it('may end without [DONE] after its finish reason', async () => {
    expect(await read([data(choice({ token_ids: [1], finish_reason: 'stop' }))])).toHaveLength(1);
  });

  it('with another number of tokens than the server counted says both', () => {
    expect(new TokensMismatchError(3, 5).message).toBe(
      'The model server counted 5 tokens, but 3 arrived: parts of its stream were lost or came twice. Ask again.',
    );
  });
});

describe("the comparison of a chunk with the server's count, after 3 tokens", () => {
  it.each<[string, number, number | undefined, boolean, boolean | 'lost']>([
    ['counts as it arrived', 1, 4, false, false],
    ['has no count', 1, undefined, false, false],
    ['came before', 1, 3, false, true],
    ['came before, two chunks ago', 2, 2, false, true],
    ['follows a lost one', 1, 5, false, 'lost'],
    ['has fewer tokens than are new', 2, 4, false, 'lost'],
    ['is the last one, without its end token in the count', 1, 3, true, false],
    ['is the last one, with two tokens less', 1, 2, true, true],
    ['has no tokens, as many as before', 0, 3, false, false],
    ['has no tokens, and fewer than before', 0, 2, false, false],
    ['has no tokens, and follows a lost one', 0, 4, false, 'lost'],
  ])('a chunk that %s', (_, tokens, reported, last, result) => {
    const count = new TokenCount();
    count.add(3, 3, false);
    if (result === 'lost') {
      expect(() => count.add(tokens, reported, last)).toThrow(
        `A chunk of the stream was lost: the model server counts ${reported} tokens, but ${3 + tokens} arrived.`,
      );
      return;
    }
    expect(count.add(tokens, reported, last)).toBe(result);
    // A repeated chunk does not count.
    const now = result ? 3 : 3 + tokens;
    expect(count.add(1, now + 1, false)).toBe(false);
  });
});

describe('the body of a call', () => {
  const least = { promptIds: [1, 2], maxTokens: 9, minTokens: 3, stopTokenIds: [7], sampling: {} };
  const bodyOf = (changes: object, model?: string) =>
    JSON.parse(completionRequestBody({ ...least, ...changes }, model));

  it('of a segment without options has nothing but the tokens', () => {
    expect(bodyOf({})).toEqual({
      prompt: [1, 2],
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      max_tokens: 9,
      min_tokens: 3,
      stop_token_ids: [7],
      skip_special_tokens: false,
      return_token_ids: true,
    });
    // Prefix-aware routing compares the first bytes.
    expect(completionRequestBody(least, 'm')).toMatch(/^\{"prompt":\[1,2\],/);
  });

  it('has every option under the name that vLLM gives it', () => {
    const sampling = {
      temperature: 0.5,
      topP: 0.6,
      topK: 7,
      minP: 0.1,
      repetitionPenalty: 1.1,
      frequencyPenalty: 0.2,
      presencePenalty: 0.3,
      seed: 4,
    };
    const options = {
      sampling,
      stopTexts: ['END'],
      topLogprobs: 5,
      promptLogprobs: true,
      skipControls: true,
      cacheSalt: 'salt',
    };
    expect(bodyOf(options, 'm')).toMatchObject({
      model: 'm',
      stop: ['END'],
      skip_special_tokens: true,
      temperature: 0.5,
      top_p: 0.6,
      top_k: 7,
      min_p: 0.1,
      repetition_penalty: 1.1,
      frequency_penalty: 0.2,
      presence_penalty: 0.3,
      seed: 4,
      cache_salt: 'salt',
      logprobs: 5,
      echo: true,
    });
    expect(bodyOf({ structure: { kind: 'json_object' } }).structured_outputs).toEqual({ json_object: true });
    const schema = { type: 'object' };
    expect(bodyOf({ structure: { kind: 'json_schema', schema } }).structured_outputs).toEqual({ json: schema });
    expect(bodyOf({ promptLogprobs: false })).not.toHaveProperty('echo');
  });
});
