import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { EndpointTokenizer } from '../../../lambda/tokenizer/endpoint-tokenizer.ts';
import { leastTokens } from '../../../lambda/tokenizer/least-tokens.ts';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import { TooManyTokensError } from '../../../lambda/tokenizer/too-many-tokens-error.ts';
import { UnencodableTextError } from '../../../lambda/tokenizer/unencodable-text-error.ts';
import { scriptedModel } from '../scripted-world.ts';

const path = fileURLToPath(new URL('../../../local/model/tokenizer.json', import.meta.url));
const tokenizer = TokenizerJson.fromFile(path);
await tokenizer.load();

function endpoint(delayMs = 0) {
  const calls: unknown[] = [];
  const route = async (_: string, body: unknown, signal?: AbortSignal) => {
    calls.push(body);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    signal?.throwIfAborted();
    return { tokens: [1] };
  };
  return { calls, tokenizer: new EndpointTokenizer(route) };
}

/** The prompt of a conversation with so many messages, by a model with this tokenizer. */
function promptIds(encoder: EndpointTokenizer | TokenizerJson, contents: readonly string[], options: object = {}) {
  const { settings, segments } = scriptedModel('m', []);
  const turns = contents.map((text) => ({ role: 'user', content: [{ text }] }) as const);
  return new ServedModel({ ...settings, format: 'qwen3' }, segments, encoder).promptIds(turns, options);
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

const megabytes = 'word '.repeat(780_000);

describe('A text beyond the maximum of tokens', () => {
  it('is refused in milliseconds by its length', async () => {
    const ms = await msOf(() =>
      expect(tokenizer.encode(megabytes, { maxTokens: 8_192 })).rejects.toThrow(TooManyTokensError),
    );
    expect(ms).toBeLessThan(500);
  });

  it('is refused as soon as the tokens are too many, although its length would allow it', async () => {
    const ms = await msOf(() =>
      expect(tokenizer.encode(megabytes, { maxTokens: 32_768 })).rejects.toThrow(TooManyTokensError),
    );
    expect(ms).toBeLessThan(2_000);
  });

  it('is refused over all messages together', async () => {
    const contents = Array.from({ length: 40 }, () => 'word '.repeat(100));
    await expect(promptIds(tokenizer, contents, { maxTokens: 2_000 })).rejects.toThrow(TooManyTokensError);
    expect((await promptIds(tokenizer, contents, { maxTokens: 100_000 })).length).toBeGreaterThan(2_000);
  });

  it('never has fewer tokens than its lower bound', async () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string({ maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(text, async (sample) => {
        const ids = await tokenizer.encode(sample);
        expect(leastTokens([sample])).toBeLessThanOrEqual(ids.length);
        expect(await tokenizer.encode(sample, { maxTokens: ids.length })).toEqual(ids);
      }),
      { numRuns: 300 },
    );
  });
});

describe('A long encoding', () => {
  it('lets other work run, and stops when the client leaves', async () => {
    const gone = new AbortController();
    let turns = 0;
    const timer = setInterval(() => {
      if (++turns === 5) gone.abort(new Error('The client left.'));
    }, 1);
    const ms = await msOf(() =>
      expect(tokenizer.encode(megabytes, { signal: gone.signal })).rejects.toThrow('client left'),
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(ms).toBeLessThan(2_000);
  });

  it('gives the same ids as one that is not interrupted', async () => {
    const text = 'Ann has 34 apples. '.repeat(5_000);
    const once = await tokenizer.encode('Ann has 34 apples. '.repeat(50));
    expect((await tokenizer.encode(text)).slice(0, 300)).toEqual(once.slice(0, 300));
  });
});

describe('The tokenizer of an endpoint', () => {
  it('is not called for a text that is certainly too long', async () => {
    const { calls, tokenizer: remote } = endpoint();
    const ms = await msOf(() =>
      expect(promptIds(remote, [megabytes], { maxTokens: 8_192 })).rejects.toThrow(TooManyTokensError),
    );
    expect(calls.filter((body) => JSON.stringify(body).length > 100)).toEqual([]);
    expect(ms).toBeLessThan(500);
  });

  it('is not called for a raw prompt that is certainly too long', async () => {
    const { calls, tokenizer: remote } = endpoint();
    await expect(remote.encodeRaw(megabytes, { maxTokens: 8_192 })).rejects.toThrow(TooManyTokensError);
    expect(calls).toEqual([]);
  });

  it('is not called for more pieces than the limit of one request', async () => {
    const { calls, tokenizer: remote } = endpoint();
    const contents = Array.from({ length: 1_500 }, (_, index) => `message ${index}`);
    await expect(promptIds(remote, contents)).rejects.toThrow(/1024/);
    expect(calls.length).toBeLessThan(10);
  });

  it('is not called any more after the client left', async () => {
    const { calls, tokenizer: remote } = endpoint(2);
    const gone = new AbortController();
    const contents = Array.from({ length: 500 }, (_, index) => `message ${index}`);
    setTimeout(() => gone.abort(new Error('The client left.')), 40);
    await expect(promptIds(remote, contents, { signal: gone.signal })).rejects.toThrow('client left');
    const made = calls.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(calls.length).toBe(made);
    expect(made).toBeLessThan(100);
  });

  it('refuses 300 control strings in one text by name', async () => {
    await expect(endpoint().tokenizer.encode('<|im_start|>'.repeat(300))).rejects.toThrow(UnencodableTextError);
  });
});
