import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallReader, type ReadPiece } from '../../../../lambda/formats/tools/call-reader.ts';
import { runs } from '../../../property-runs.ts';
import { anyJsonObject } from './any-json-text.ts';

const tools = [{ name: 'weather' }, { name: 'time' }];
const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';

interface Read {
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string; readonly complete: boolean }[];
  readonly pieces: readonly ReadPiece[];
}

interface Options {
  readonly whole?: boolean;
  readonly cut?: boolean;
  readonly choice?: 'auto' | 'required';
  readonly sizes?: readonly number[];
}

/** Reads a text in chunks of `sizes`, in turn. */
function read(text: string, { whole = false, cut = false, choice = 'auto', sizes = [1_000_000] }: Options = {}): Read {
  const reader = new CallReader({ tools, choice }, { whole });
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

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });

describe('a reader of calls', () => {
  it('a reader of calls returns the same for any split of the text', () => {
    const text = `Hm < a <tool_call> no </tool_call>${call}\nand ${call.slice(0, -12)}`;
    const expected = read(text);
    expect(expected.calls).toHaveLength(2);
    expect(expected.content).toBe('Hm < a <tool_call> no </tool_call>and ');
    fc.assert(
      fc.property(sizes, fc.boolean(), (split, whole) => {
        const { content, calls } = read(text, { sizes: split, whole });
        expect({ content, calls }).toEqual({ content: expected.content, calls: expected.calls });
      }),
      { numRuns: runs(500) },
    );
  });

  it('the arguments are the bytes of the model, for any JSON and any split', () => {
    fc.assert(
      fc.property(anyJsonObject, anyJsonObject, sizes, fc.boolean(), (one, other, split, whole) => {
        const text = `A\u{1f600}<tool_call>\n{"name": "weather", "arguments": ${one}}\n</tool_call>\n<tool_call>{"arguments":${other} ,"name":"time"}</tool_call>`;
        const { content, calls, pieces } = read(text, { sizes: split, whole });
        expect(content).toBe('A\u{1f600}');
        expect(calls).toEqual([
          { name: 'weather', arguments: one, complete: true },
          { name: 'time', arguments: other, complete: true },
        ]);
        for (const piece of pieces) if ('text' in piece) expect(piece.text.isWellFormed()).toBe(true);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it('a required call has the bytes of the model, for any JSON and any split', () => {
    fc.assert(
      fc.property(anyJsonObject, sizes, (given, split) => {
        const { content, calls } = read(`{"name":"time", "arguments":${given}}`, { sizes: split, choice: 'required' });
        expect([content, calls]).toEqual(['', [{ name: 'time', arguments: given, complete: true }]]);
      }),
      { numRuns: runs(500) },
    );
  });

  it('arguments are passed on before the call is complete', () => {
    const { pieces } = read('<tool_call>{"name":"weather","arguments":{"city":"Paris"}}</tool_call>', { sizes: [1] });
    expect(pieces.filter((piece) => piece.kind === 'arguments').length).toBeGreaterThan(5);
    const whole = read('<tool_call>{"name":"weather","arguments":{"city":"Paris"}}</tool_call>', {
      sizes: [1],
      whole: true,
    });
    expect(whole.pieces.map((piece) => piece.kind)).toEqual(['call', 'arguments', 'call-end']);
  });

  it.each([
    ['an unknown function', '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'],
    ['no JSON', '<tool_call>weather(Paris)</tool_call>'],
    ['no name', '<tool_call>{"arguments": {"city": "Paris"}}</tool_call>'],
    ['a broken key', '<tool_call>{"name": "weather", "arguments": {city: 1}}</tool_call>'],
    ['a missing value', '<tool_call>{"name": "weather", "arguments": {"city": }}</tool_call>'],
    ['an unclosed string in the name', '<tool_call>{"name": "weather, "arguments": {}}</tool_call>'],
    ['no closing tag', '<tool_call>{"name": "weather", "argu'],
    ['arguments as a text that is no JSON', '<tool_call>{"name": "weather", "arguments": "Paris"}</tool_call>'],
  ])('a call with %s stays text, and the next call is read', (_, text) => {
    fc.assert(
      fc.property(sizes, fc.boolean(), (split, whole) => {
        expect(read(text, { sizes: split, whole })).toMatchObject({ content: text, calls: [] });
        if (!text.endsWith('</tool_call>')) return;
        const { content, calls } = read(`${text}${call}`, { sizes: split, whole });
        expect([content, calls.map(({ name }) => name)]).toEqual([text, ['weather']]);
      }),
    );
  });

  it('a call that turns out malformed is text in a whole answer, and an incomplete call in a stream', () => {
    const text = '<tool_call>{"name": "weather", "arguments": {"city": "Paris", }}\n</tool_call> Then.';
    fc.assert(
      fc.property(sizes, (split) => {
        expect(read(text, { sizes: split, whole: true })).toMatchObject({ content: text, calls: [] });
        expect(read(text, { sizes: split })).toMatchObject({
          content: ' Then.',
          calls: [{ name: 'weather', arguments: '{"city": "Paris", }}', complete: false }],
        });
      }),
    );
  });

  it('a call that is cut is an incomplete call, at any length', () => {
    const text = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris", "days": [1.10, 2]}}\n</tool_call>';
    const from = text.indexOf('{"city"');
    const named = text.indexOf(',');
    const complete = text.lastIndexOf('}') + 1;
    for (let length = 12; length < text.length; length++) {
      for (const whole of [true, false]) {
        const { content, calls } = read(text.slice(0, length), { whole, cut: true, sizes: [1] });
        const given = text.slice(from, Math.min(length, complete - 1));
        const expected = length < named ? [] : [{ name: 'weather', arguments: given, complete: length >= complete }];
        expect([length, content, calls]).toEqual([length, '', expected]);
      }
    }
  });

  it('arguments that the model wrote as a string of JSON are decoded', () => {
    const text = '<tool_call>{"name":"weather","arguments":"{\\"id\\": 1.10}"}</tool_call>';
    expect(read(text, { sizes: [1] }).calls).toEqual([{ name: 'weather', arguments: '{"id": 1.10}', complete: true }]);
  });

  it.each(['<tool_call>{"name":"time"}</tool_call>', '<tool_call>{"name":"time","arguments":null}</tool_call>'])(
    'a call without arguments has none: %s',
    (text) => {
      expect(read(text).calls).toEqual([{ name: 'time', arguments: '{}', complete: true }]);
    },
  );

  it('a closing tag in a string of the arguments is a part of it', () => {
    const given = '{"html": "</tool_call>"}';
    const text = `<tool_call>{"name":"time","arguments":${given}}</tool_call>`;
    expect(read(text, { sizes: [3] }).calls).toEqual([{ name: 'time', arguments: given, complete: true }]);
  });
});
