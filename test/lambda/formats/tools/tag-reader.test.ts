import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallTags, formatNames } from '../../../../lambda/forcing/format.ts';
import { formats } from '../../../../lambda/formats/index.ts';
import type { ReadPiece } from '../../../../lambda/formats/tools/call-reader.ts';
import { TagReader } from '../../../../lambda/formats/tools/tag-reader.ts';
import { runs } from '../../../property-runs.ts';
import { anyJsonObject } from './any-json-text.ts';

const tools = [
  {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer' },
        units: { type: 'array' },
        now: { type: 'boolean' },
      },
    },
  },
  { name: 'time' },
];

/** Blocks as each family writes them: two calls, the second without arguments. Their arguments are PARIS and nothing. */
const blocks = {
  'qwen3.5':
    '<tool_call>\n<function=weather>\n<parameter=city>\nParis "</b>\n\n😀\n</parameter>\n<parameter=days>\n12345678901234567890\n</parameter>\n<parameter=units>\n["C", 1.10]\n</parameter>\n<parameter=now>\nTrue\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=time>\n</function>\n</tool_call>',
  'nemotron-3':
    '<tool_call>\n<function=weather>\n<parameter=city>\nParis "</b>\n\n😀\n</parameter>\n<parameter=days>\n12345678901234567890\n</parameter>\n<parameter=units>\n["C", 1.10]\n</parameter>\n<parameter=now>\nTrue\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=time>\n</function>\n</tool_call>',
  'glm-4.5':
    '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Paris "</b>\n\n😀</arg_value>\n<arg_key>days</arg_key>\n<arg_value>12345678901234567890</arg_value>\n<arg_key>units</arg_key>\n<arg_value>["C", 1.10]</arg_value>\n<arg_key>now</arg_key>\n<arg_value>true</arg_value>\n</tool_call>\n<tool_call>time\n</tool_call>',
  'glm-4.7':
    '<tool_call>weather<arg_key>city</arg_key><arg_value>Paris "</b>\n\n😀</arg_value><arg_key>days</arg_key><arg_value>12345678901234567890</arg_value><arg_key>units</arg_key><arg_value>["C", 1.10]</arg_value><arg_key>now</arg_key><arg_value>true</arg_value></tool_call><tool_call>time</tool_call>',
  'minimax-m2':
    '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">Paris "</b>\n\n😀</parameter>\n<parameter name="days">12345678901234567890</parameter>\n<parameter name="units">["C", 1.10]</parameter>\n<parameter name="now">true</parameter>\n</invoke>\n<invoke name="time">\n</invoke>\n</minimax:tool_call>',
  'deepseek-v3.2':
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weather">\n<｜DSML｜parameter name="city" string="true">Paris "</b>\n\n😀</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">12345678901234567890</｜DSML｜parameter>\n<｜DSML｜parameter name="units" string="false">["C", 1.10]</｜DSML｜parameter>\n<｜DSML｜parameter name="now" string="false">true</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name="time">\n\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
  'deepseek-v4':
    '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="weather">\n<｜DSML｜parameter name="city" string="true">Paris "</b>\n\n😀</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">12345678901234567890</｜DSML｜parameter>\n<｜DSML｜parameter name="units" string="false">["C", 1.10]</｜DSML｜parameter>\n<｜DSML｜parameter name="now" string="false">true</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name="time">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
  'kimi-k2-thinking':
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{"city": "Paris \\"</b>\\n\\n😀", "days": 12345678901234567890, "units": ["C", 1.10], "now": true}<|tool_call_end|><|tool_call_begin|>functions.time:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>',
} as const;
const PARIS = '{"city": "Paris \\"</b>\\n\\n😀", "days": 12345678901234567890, "units": ["C", 1.10], "now": true}';

interface Options {
  readonly whole?: boolean;
  readonly cut?: boolean;
  readonly sizes?: readonly number[];
}

function tagsOf(format: keyof typeof blocks): CallTags {
  const { tools: tags } = formats[format];
  if (tags === undefined || tags === 'hermes') throw new Error(`${format} has no tags.`);
  return tags;
}

function read(
  format: keyof typeof blocks,
  text: string,
  { whole = false, cut = false, sizes = [1_000_000] }: Options = {},
) {
  const reader = new TagReader(tagsOf(format), tools, whole);
  const pieces: ReadPiece[] = [];
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(...reader.push(text.slice(at, at + size)));
    at += size;
  }
  pieces.push(...reader.end(cut));
  let content = '';
  const calls: { name: string; arguments: string; complete: boolean }[] = [];
  for (const piece of pieces) {
    if (piece.kind === 'text') content += piece.text;
    if (piece.kind === 'call') calls.push({ name: piece.name, arguments: '', complete: false });
    const last = calls.at(-1);
    if (piece.kind === 'arguments' && last !== undefined) last.arguments += piece.text;
    if (piece.kind === 'call-end' && last !== undefined) last.complete = piece.complete;
  }
  return { content, calls, pieces };
}

const families = Object.keys(blocks) as (keyof typeof blocks)[];
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });
const both = [
  { name: 'weather', arguments: PARIS, complete: true },
  { name: 'time', arguments: '{}', complete: true },
];

it('every format with tags of its own has blocks here', () => {
  const own = formatNames.filter((name) => typeof formats[name].tools === 'object');
  expect(new Set(families)).toEqual(new Set(own));
});

describe.each(families)('calls of %s', (format) => {
  const block = blocks[format];

  it(`calls of ${format} are the same for any split of the text`, () => {
    const text = `Hm < a ${block.slice(0, 9)} b ${block}\nand 1 < 2`;
    fc.assert(
      fc.property(sizes, fc.boolean(), (split, whole) => {
        const { content, calls, pieces } = read(format, text, { sizes: split, whole });
        expect(content).toBe(`Hm < a ${block.slice(0, 9)} b and 1 < 2`);
        expect(calls).toEqual(both);
        for (const piece of pieces) if ('text' in piece) expect(piece.text.isWellFormed()).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  it(`arguments of ${format} are passed on before the call is complete`, () => {
    const { pieces } = read(format, block, { sizes: [1] });
    expect(pieces.filter((piece) => piece.kind === 'arguments').length).toBeGreaterThan(8);
    const whole = read(format, block, { sizes: [1], whole: true });
    expect(whole.pieces.map((piece) => piece.kind).slice(0, 3)).toEqual(['call', 'arguments', 'call-end']);
  });

  it(`a call of ${format} of an unknown function stays text, and the next block is read`, () => {
    const unknown = block.replaceAll('weather', 'rm');
    fc.assert(
      fc.property(sizes, fc.boolean(), (split, whole) => {
        const { content, calls } = read(format, `${unknown} ${block}`, { sizes: split, whole });
        expect(calls.slice(-2)).toEqual(both);
        expect(content.startsWith(unknown.slice(0, 40))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it(`a call of ${format} that is cut is no text, and its arguments are a beginning of the whole ones`, () => {
    const later = block.indexOf(format === 'kimi-k2-thinking' ? '<|tool_call_end|>' : 'true', block.indexOf('1.10'));
    for (let length = tagsOf(format).open.length; length < later; length++) {
      for (const whole of [true, false]) {
        const { content, calls } = read(format, block.slice(0, length), { whole, cut: true, sizes: [1] });
        expect([length, content]).toEqual([length, '']);
        for (const call of calls) expect(PARIS.startsWith(call.arguments)).toBe(true);
      }
    }
  });

  it(`a call of ${format} that has no end is text if the model ended`, () => {
    const open = block.slice(0, block.indexOf('weather') + 4);
    expect(read(format, open, { sizes: [2] })).toMatchObject({ content: open, calls: [] });
  });
});

describe('the arguments of a call', () => {
  it('JSON arguments are the bytes of the model, for any JSON and any split', () => {
    fc.assert(
      fc.property(anyJsonObject, sizes, fc.boolean(), (given, split, whole) => {
        const text = `A<|tool_calls_section_begin|><|tool_call_begin|>functions.time:0<|tool_call_argument_begin|>${given}<|tool_call_end|><|tool_calls_section_end|>`;
        const { content, calls } = read('kimi-k2-thinking', text, { sizes: split, whole });
        expect([content, calls]).toEqual(['A', [{ name: 'time', arguments: given, complete: true }]]);
      }),
      { numRuns: runs(500) },
    );
  });

  it('a text argument is the text of the model, for any text and any split', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((one) => !one.includes('</'));
    fc.assert(
      fc.property(text, sizes, (value, split) => {
        for (const [format, block] of [
          ['glm-4.7', `<tool_call>weather<arg_key>city</arg_key><arg_value>${value}</arg_value></tool_call>`],
          [
            'qwen3.5',
            `<tool_call>\n<function=weather>\n<parameter=city>\n${value}\n</parameter>\n</function>\n</tool_call>`,
          ],
        ] as const) {
          const { calls } = read(format, block, { sizes: split });
          expect(JSON.parse(calls[0]?.arguments ?? '')).toEqual({ city: value });
          expect(calls[0]?.complete).toBe(true);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it.each([
    ['days', '3', '3'],
    ['days', 'three', '"three"'],
    ['days', '1e400', '1e400'],
    ['city', '3', '"3"'],
    ['now', 'False', 'false'],
    ['units', '"C"', '"\\"C\\""'],
    ['other', '[1.0]', '[1.0]'],
    ['other', 'word', '"word"'],
  ])('the argument %s that is written %s is %s', (key, written, json) => {
    const text = `<tool_call>weather<arg_key>${key}</arg_key><arg_value>${written}</arg_value></tool_call>`;
    expect(read('glm-4.7', text).calls[0]?.arguments).toBe(`{"${key}": ${json}}`);
  });
});
