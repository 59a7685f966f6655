import { describe, expect, it } from 'vitest';
import type { Format, PromptPart, Turn } from '../../../lambda/forcing/format.ts';
import { deriveFormat } from '../../../lambda/formats/derive-format.ts';
import { encodeParts, encodeTurns, resolveFormat, withSystem } from '../../../lambda/formats/encode-format.ts';
import { encodePrefix } from '../../../lambda/formats/encode-prefix.ts';
import { encodeWritten } from '../../../lambda/formats/encode-written.ts';
import { s1 } from '../../../lambda/formats/s1.ts';
import { spacedJson } from '../../../lambda/formats/spaced-json.ts';
import { argumentsOf } from '../../../lambda/formats/tools/arguments.ts';
import { acceptsOnlyText, jsonValueOf, schemaOfArgument } from '../../../lambda/formats/tools/value-type.ts';
import {
  hasText,
  inRuns,
  lastUserIndex,
  systemFirst,
  tag,
  trimmed,
  withTags,
} from '../../../lambda/formats/turn-parts.ts';
import type { Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import { TooManyTokensError } from '../../../lambda/tokenizer/too-many-tokens-error.ts';
import { UnknownControlTokenError } from '../../../lambda/tokenizer/unknown-control-token-error.ts';
import { bytes, END_OF_TEXT, IM_END, IM_START, newDecoder } from '../forcing/tiny-vocabulary.ts';

/** A tokenizer of bytes that records what it is asked to encode. */
function recorder(controls: Readonly<Record<string, number>> = { '<|im_start|>': IM_START, '<|im_end|>': IM_END }) {
  const encoded: (readonly [string, number | undefined])[] = [];
  const checked: (readonly [readonly string[], number | undefined])[] = [];
  const tokenizer: Tokenizer = {
    encode: async (text, options) => {
      encoded.push([text, options?.maxTokens]);
      return bytes(text);
    },
    encodeRaw: async (text) => bytes(text),
    controlId: async (token) => {
      const id = controls[token];
      if (id === undefined) throw new UnknownControlTokenError(token);
      return id;
    },
    checkTexts: (texts, maxTokens) => {
      checked.push([texts, maxTokens]);
    },
    streamDecoder: newDecoder,
  };
  return { tokenizer, encoded, checked };
}
const text = (value: string): PromptPart => ({ text: value });
const turn = (role: Turn['role'], ...content: readonly (string | PromptPart)[]): Turn => ({
  role,
  content: content.map((part) => (typeof part === 'string' ? text(part) : part)),
});

describe('the parts of a prompt', () => {
  it('are encoded as one text between two control tokens, or ids', async () => {
    const { tokenizer, encoded, checked } = recorder();
    const parts = [text('a'), text('b'), { control: '<|im_start|>' }, text(''), { text: 'x', ids: [7, 8] }, text('c')];
    expect(await encodeParts(parts, tokenizer, { maxTokens: 100 })).toEqual([
      ...bytes('ab'),
      IM_START,
      7,
      8,
      ...bytes('c'),
    ]);
    expect(encoded).toEqual([
      ['ab', 100],
      ['c', 95],
    ]);
    expect(checked).toEqual([[['ab', 'c'], 97]]);
  });

  it('that a vocabulary lacks are text if they may be, and an error if not', async () => {
    const { tokenizer } = recorder();
    expect(await encodeParts([text('a'), tag('<think>'), text('b')], tokenizer)).toEqual(bytes('a<think>b'));
    expect(await encodeParts([tag('<|im_end|>')], tokenizer)).toEqual([IM_END]);
    await expect(encodeParts([{ control: '<think>' }], tokenizer)).rejects.toThrow(UnknownControlTokenError);
    const broken = { ...tokenizer, controlId: async () => Promise.reject(new Error('away')) };
    await expect(encodeParts([tag('<think>')], broken)).rejects.toThrow('away');
  });

  it('have at most so many tokens, and stop with their signal', async () => {
    const { tokenizer } = recorder();
    expect(await encodeParts([text('abc')], tokenizer, { maxTokens: 3 })).toHaveLength(3);
    await expect(encodeParts([text('abcd')], tokenizer, { maxTokens: 3 })).rejects.toThrow(TooManyTokensError);
    await expect(encodeParts([{ text: '', ids: [1, 2] }], tokenizer, { maxTokens: 1 })).rejects.toThrow(
      TooManyTokensError,
    );
    const signal = AbortSignal.abort(new Error('left'));
    await expect(encodeParts([text('a')], tokenizer, { signal })).rejects.toThrow('left');
  });
});

describe('a format in the ids of a model', () => {
  const s1Format: Format = s1;

  it('has its delimiters, without those that the vocabulary lacks', async () => {
    const ids = await resolveFormat(s1Format, recorder().tokenizer);
    expect(ids).toEqual({
      name: 's1',
      openThinking: [IM_START, ...bytes('think')],
      skipThinking: [IM_START, ...bytes('think\n'), IM_START, ...bytes('answer\nFinal Answer:')],
      thinkingEnds: [IM_START, IM_END],
      openAnswer: [IM_START, ...bytes('answer')],
      forceAnswer: [IM_START, ...bytes('answer\nFinal Answer:')],
      newline: bytes('\n'),
      forcedAnswerText: 'Final Answer:',
      answerEnds: [IM_END, IM_START],
      endTexts: new Map([
        [IM_START, '<|im_start|>'],
        [IM_END, '<|im_end|>'],
      ]),
    });
    const all = recorder({ '<|im_start|>': IM_START, '<|im_end|>': IM_END, '<|endoftext|>': END_OF_TEXT });
    expect((await resolveFormat(s1Format, all.tokenizer)).thinkingEnds).toEqual([IM_START, IM_END, END_OF_TEXT]);
  });

  it('for an answer with a form lacks the words of a forced answer', async () => {
    const ids = await resolveFormat(s1Format, recorder().tokenizer, { bare: true });
    expect(ids).toMatchObject({ forcedAnswerText: '', forceAnswer: [IM_START, ...bytes('answer\n')] });
    const { bare: _, ...plain } = s1Format;
    expect(await resolveFormat(plain, recorder().tokenizer, { bare: true })).toMatchObject({
      forcedAnswerText: '',
      forceAnswer: [IM_START, ...bytes('answer\nFinal Answer:')],
    });
    const none = await resolveFormat({ ...s1Format, newlineBeforeCut: false }, recorder().tokenizer);
    expect(none.newline).toEqual([]);
  });

  it('belongs to another family if its first end is missing', async () => {
    await expect(resolveFormat(s1Format, recorder({ '<|im_end|>': IM_END }).tokenizer)).rejects.toThrow(
      UnknownControlTokenError,
    );
  });
});

describe('a conversation', () => {
  it('has the default system message unless it has its own', async () => {
    const user = turn('user', 'hi');
    const own = turn('system', 'own');
    expect(withSystem([user], 'default')).toEqual([turn('system', 'default'), user]);
    expect(withSystem([user, own], 'default')).toEqual([user, own]);
    expect(withSystem([user], undefined)).toEqual([user]);
    const { tokenizer } = recorder();
    const ids = await encodeTurns(s1, [user], tokenizer, 'default');
    expect(newDecoder().push(ids)).toBe('system\ndefault\nuser\nhi\nassistant\n');
    expect(newDecoder().push(await encodeTurns(s1, [user], tokenizer))).toContain('You are Qwen');
  });

  it('is grouped by results of tools that follow each other', () => {
    const [user, first, second] = [turn('user', 'a'), turn('tool', 'b'), turn('tool', 'c')];
    expect(inRuns([user, user, first, second, user, first])).toEqual([
      ...[[user], [user], [first, second], [user], [first]],
    ]);
    expect(lastUserIndex([first, user, user, first])).toBe(2);
    expect(lastUserIndex([first])).toBe(-1);
  });

  it('has its system messages in front, with an empty line between them', () => {
    const user = turn('user', 'a');
    expect(systemFirst([turn('system', 'one'), user, turn('system', 'two')])).toEqual({
      system: [text(''), text('one'), text('\n\n'), text('two')],
      rest: [user],
    });
    expect(systemFirst([user])).toEqual({ system: undefined, rest: [user] });
  });

  it('has text if it is more than white space', () => {
    expect([[], [text(' \n')], [text(' '), text('a')], [{ control: '<x>' }]].map((parts) => hasText(parts))).toEqual([
      ...[false, false, true, true],
    ]);
  });

  it.each<readonly [readonly PromptPart[], readonly PromptPart[]]>([
    [
      [text('  a '), text(' b  ')],
      [text('a '), text(' b')],
    ],
    [[text(' '), text(' a '), text('')], [text('a')]],
    [[text(' \n ')], []],
    [[], []],
    [
      [text(' '), tag('<x>'), text(' a ')],
      [tag('<x>'), text(' a')],
    ],
    [[{ text: ' a ', ids: [1] }], [{ text: ' a ', ids: [1] }]],
    [
      [text(' a '), text('  '), text(' b ')],
      [text('a '), text('  '), text(' b')],
    ],
  ])('is trimmed at both ends: %j', (parts, expected) => {
    expect(trimmed(parts)).toEqual(expected);
  });

  it('has control tokens where the texts of a format name them', () => {
    expect(withTags('a<x>b<yy><x>', ['<x>', '<yy>'])).toEqual([
      text('a'),
      tag('<x>'),
      text('b'),
      tag('<yy>'),
      tag('<x>'),
    ]);
    expect(withTags('<x>', ['<x>'])).toEqual([tag('<x>')]);
    expect(withTags('plain', ['<x>'])).toEqual([text('plain')]);
    expect(withTags('', ['<x>'])).toEqual([]);
  });
});

describe('the beginning of an output', () => {
  const decode = (ids: readonly number[]) =>
    ids.map((id) => (id === IM_START ? '|' : id === IM_END ? '$' : String.fromCharCode(id))).join('');
  const prefix = async (given: object, format: Format = s1) =>
    decode(await encodePrefix(format, given, recorder().tokenizer));

  it.each([
    [{}, ''],
    [{ thinking: 'so' }, '\nso'],
    [{ thinking: '\nso' }, '\nso'],
    [{ answer: '4' }, '|think\n|answer\n4'],
    [{ thinking: 'so', answer: '4' }, '|think\nso\n|answer\n4'],
    [{ thinking: 'so\n', answer: '\n4' }, '|think\nso\n|answer\n4'],
  ])('%j is written as the model does', async (given, expected) => {
    expect(await prefix(given)).toBe(expected);
  });

  it('follows the rules of other families', async () => {
    const { bare: _, thinkingStart: __, answerStart: ___, ...plain } = s1;
    expect(await prefix({ thinking: 'so', answer: '4' }, { ...plain, newlineBeforeCut: false })).toBe(
      '|thinkso|answer4',
    );
    expect(await prefix({ answer: '4' }, plain)).toBe('|think\n|answer\nFinal Answer:4');
  });

  const written = async (
    part: 'thinking' | 'answer',
    thinking: string,
    answer: string,
    given: object = {},
    format: Format = s1,
  ) => {
    const { ids, partLength } = await encodeWritten(format, given, { part, thinking, answer }, recorder().tokenizer);
    return [decode(ids), decode(ids.slice(ids.length - partLength))];
  };

  it('that another model wrote goes on in the running part', async () => {
    expect(await written('thinking', '\nso', '')).toEqual(['|think\nso', '\nso']);
    expect(await written('answer', '\nso\n', '\n4')).toEqual(['|think\nso\n|answer\n4', '\n4']);
    expect(await written('answer', '', '4')).toEqual(['|think\n|answer\n4', '4']);
    expect(await written('thinking', ' more', '', { thinking: 'given' })).toEqual([
      '|think\ngiven more',
      '\ngiven more',
    ]);
    expect(await written('answer', '', ' 4', { thinking: 'given', answer: 'so' })).toEqual([
      ...['|think\ngiven\n|answer\nso 4', '\nso 4'],
    ]);
    const glued = { ...s1, newlineBeforeCut: false };
    expect((await written('answer', '', '4', { thinking: 'given', answer: 'so' }, glued))[0]).toBe(
      '|think\ngiven|answer\nso4',
    );
  });
});

describe('values of arguments', () => {
  it.each<readonly [unknown, string]>([
    [{ a: 1, b: [true, null, 'x"'], c: {} }, '{"a": 1, "b": [true, null, "x\\""], "c": {}}'],
    [{ a: undefined, b: 1 }, '{"b": 1}'],
    [undefined, 'null'],
    [[], '[]'],
  ])('%j is written with spaces', (value, json) => {
    expect(spacedJson(value)).toBe(json);
  });

  it('keep the digits of the model', () => {
    expect(argumentsOf(' {"a": 1.10, "b": "x\\n", "c": {"d": [1, 2]}, "e": null} ')).toEqual([
      { key: 'a', text: '1.10', isString: false },
      { key: 'b', text: 'x\n', isString: true },
      { key: 'c', text: '{"d": [1, 2]}', isString: false },
      { key: 'e', text: 'null', isString: false },
    ]);
    for (const none of ['{}', '[1]', '5', '{"a": 1', '{"a" 1}', '{"a": 1} x', ''])
      expect(argumentsOf(none)).toEqual([]);
  });

  const tool = { name: 'f', parameters: { type: 'object', properties: { a: { type: 'string' }, b: true } } };

  it('have the schema that the tool gives them', () => {
    expect(['a', 'b', 'c', 'toString'].map((key) => schemaOfArgument(tool, key))).toEqual([
      { type: 'string' },
      {},
      {},
      {},
    ]);
    expect(schemaOfArgument({ name: 'f' }, 'a')).toEqual({});
    expect(schemaOfArgument({ name: 'f', parameters: { properties: [] } }, '0')).toEqual({});
  });

  it.each<readonly [Readonly<Record<string, unknown>>, boolean, readonly (string | undefined)[]]>([
    [{ type: 'string' }, true, [undefined, undefined, undefined, undefined]],
    [{ type: 'integer' }, false, ['5', undefined, undefined, undefined]],
    [{ type: 'number' }, false, ['5', undefined, undefined, undefined]],
    [{ type: 'boolean' }, false, [undefined, 'true', undefined, undefined]],
    [{ type: ['string', 'null'] }, false, [undefined, undefined, 'null', undefined]],
    [{ enum: ['a', 'b'] }, true, [undefined, undefined, undefined, undefined]],
    [{ enum: ['a', 5] }, false, ['5', undefined, undefined, undefined]],
    [{ anyOf: [{ type: 'string' }, { type: 'array' }] }, false, [undefined, undefined, undefined, '[1]']],
    [{ oneOf: [{ type: 'string' }] }, true, [undefined, undefined, undefined, undefined]],
    [{ anyOf: [{ type: 'string' }, {}] }, false, ['5', 'true', 'null', '[1]']],
    [{ type: [] }, false, [undefined, undefined, undefined, undefined]],
    [{}, false, ['5', 'true', 'null', '[1]']],
  ])('of the schema %j: text %s', (schema, onlyText, values) => {
    expect(acceptsOnlyText(schema)).toBe(onlyText);
    expect([' 5 ', 'True', 'None', '[1]'].map((value) => jsonValueOf(value, schema))).toEqual(values);
    expect(jsonValueOf('plain', schema)).toBeUndefined();
  });
});

describe('a format that is derived', () => {
  const magistral = '[THINK] [/THINK] [SYSTEM_PROMPT] [INST]';

  it('says by what it was found', () => {
    expect(deriveFormat({ chatTemplate: magistral })).toEqual({
      format: 'magistral',
      because: 'its chat template has [THINK], [/THINK], [SYSTEM_PROMPT]',
    });
    expect(
      deriveFormat({ chatTemplate: magistral, controlTokens: new Set(['[THINK]', '[/THINK]', '</s>']) }),
    ).toMatchObject({
      format: 'magistral',
    });
    expect(deriveFormat({ chatTemplate: magistral, controlTokens: new Set() }).because).toMatch(
      /^The chat template is that of magistral, but the vocabulary lacks .*\[\/THINK\].*\. Use the tokenizer\.json of the same model\.$/,
    );
  });

  it.each(['<think>', '[THINK]', 'enable_thinking'])('says that a template with %s thinks', (mark) => {
    expect(deriveFormat({ chatTemplate: `x ${mark} y` }).because).toMatch(/^The chat template thinks, but/);
  });
});
