import { describe, expect, it } from 'vitest';
import { OutputText } from '../../../lambda/forcing/output-text.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import { TextGate, type TextGateOptions } from '../../../lambda/forcing/text-gate.ts';
import { bytes, format, newDecoder } from './tiny-vocabulary.ts';

const gateOf = (changes: Partial<TextGateOptions> = {}) =>
  new TextGate({ endTexts: [], stopTexts: [], trimEnd: false, ...changes });
/** What the gate shows after each text. */
const shown = (changes: Partial<TextGateOptions>, ...texts: readonly string[]) => {
  const gate = gateOf(changes);
  return texts.map((text) => gate.push(text));
};

describe('the gate of a text', () => {
  it.each<[string, Partial<TextGateOptions>, readonly string[], readonly string[]]>([
    ['passes certain text on at once', {}, ['a', 'b\n', 'c'], ['a', 'b\n', 'c']],
    ['drops newlines at the beginning', {}, ['\n', '\n\na', '\nb'], ['', 'a', '\nb']],
    ['keeps them if text was shown before', { continues: true }, ['\n', 'a'], ['\n', 'a']],
    [
      'holds back what a delimiter may begin with',
      { endTexts: ['<end>'] },
      ['a<', 'en', 'd?', '<x'],
      ['a', '', '<end?', '<x'],
    ],
    ['holds back the longest of several', { endTexts: ['<a', 'x<ab'] }, ['x<a', '-'], ['', 'x<a-']],
    ['holds back newlines that may be the last', { trimEnd: true }, ['a\n', '\n', 'b\n'], ['a', '', '\n\nb']],
    ['passes newlines on in an answer', {}, ['a\n', '\n'], ['a\n', '\n']],
    ['holds back the first half of a character', {}, ['a\ud83e', '\udd14'], ['a', '🤔']],
    ['ends before a stop text', { stopTexts: ['END'] }, ['a EN', 'D b', 'c'], ['a ', '', '']],
    ['ends before the first of several stop texts', { stopTexts: ['two', 'one'] }, ['a one two'], ['a ']],
    [
      'shows what was held when a stop text begins',
      { stopTexts: ['NO'], trimEnd: true },
      ['a\n\n', 'NO'],
      ['a', '\n\n'],
    ],
  ])('%s', (_, options, texts, expected) => {
    expect(shown(options, ...texts)).toEqual(expected);
  });

  it('names the stop text that matched', () => {
    const gate = gateOf({ stopTexts: ['two', 'one'] });
    gate.push('tw');
    expect(gate.stopText).toBeUndefined();
    gate.push('o one');
    expect(gate.stopText).toBe('two');
  });

  it('drops the newlines at the end of a thought, and keeps those of an answer', () => {
    const thought = gateOf({ trimEnd: true });
    expect(thought.push('a\n\n')).toBe('a');
    expect(thought.end()).toBe('');
    const answer = gateOf();
    expect(answer.push('a\n\n') + answer.end()).toBe('a\n\n');
  });

  it('shows at the end what it held, without half a character', () => {
    const gate = gateOf({ endTexts: ['<end>'] });
    gate.push('a<en');
    expect(gate.end()).toBe('<en');
    const half = gateOf();
    half.push('a\ud83e');
    expect(half.end()).toBe('');
    const held = gateOf({ trimEnd: true, endTexts: ['\n<'] });
    held.push('a\n');
    expect(held.flush()).toBe('\n');
    expect(held.push('b')).toBe('b');
  });

  it('drops the text of an end token, whole or after held newlines', () => {
    const gate = gateOf({ endTexts: ['<end>'], trimEnd: true });
    gate.push('a\n\n<end>');
    expect(gate.end('<end>')).toBe('');
    const other = gateOf({ endTexts: ['<end>'] });
    other.push('a<end');
    expect(other.end('<end>')).toBe('<end');
    const newlines = gateOf({ endTexts: ['\n\n<end>'], trimEnd: true });
    for (const text of ['a', ...'\n'.repeat(40), '<end>']) newlines.push(text);
    newlines.drop('\n\n<end>');
    expect(newlines.flush()).toBe('\n'.repeat(38));
    const untouched = gateOf({ endTexts: ['<end>'] });
    untouched.push('a<e');
    untouched.drop(undefined);
    expect(untouched.end()).toBe('<e');
  });

  it('reads a run of newlines only once', () => {
    const gate = gateOf({ trimEnd: true, endTexts: ['<end>'] });
    gate.push('a');
    for (let count = 0; count < 10_000; count++) expect(gate.push('\n')).toBe('');
    expect(gate.push('b')).toBe(`${'\n'.repeat(10_000)}b`);
  });

  it('does not count newlines as shown before a part has begun', () => {
    const gate = gateOf({ trimEnd: true });
    gate.push('\n');
    expect(gate.flush()).toBe('');
    expect(gate.push('\na')).toBe('a');
  });
});

describe('the text of an output', () => {
  const plan: ForcingPlan = {
    promptIds: bytes('?'),
    format,
    limits: { minTokens: 0, maxTokens: 100, waits: 0, maxAnswerTokens: 50 },
    wait: { ids: bytes('Wait'), text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
  };
  const { newDecoder: _, ...fromServer } = plan;
  const piece = (text: string) => ({ tokenIds: bytes(text), text });

  it('knows the end of a line or a sentence, also in what the client gave', () => {
    const ends = (text: string) => {
      const output = new OutputText({ ...plan, prefix: { part: 'thinking', ids: bytes(text), text } });
      return [output.endsInNewline, output.endsInSentence];
    };
    expect(ends('so\n')).toEqual([true, true]);
    expect(ends('It is four.')).toEqual([false, true]);
    expect(ends('It is four. ')).toEqual([false, true]);
    expect(ends('It is four.  ')).toEqual([false, false]);
    expect(ends('He said "four."')).toEqual([false, true]);
    expect(ends('(so be it)!')).toEqual([false, true]);
    expect(ends('四です。')).toEqual([false, true]);
    expect(ends('It is 3.')).toEqual([false, false]);
    expect(ends('by e.g.')).toEqual([false, false]);
    expect(ends('so')).toEqual([false, false]);
    expect(new OutputText(plan).endsInNewline).toBe(false);
  });

  it('records what was written, of which a newline before the answer is not shown', () => {
    const output = new OutputText(plan);
    output.push(piece('ab'));
    output.addNewline();
    output.close();
    output.beginAnswer('So: ');
    output.push(piece('4\n'));
    output.close();
    expect(output.written).toEqual({ thinking: 'ab\n', answer: 'So: 4\n' });
    expect(output.takeEmissions()).toEqual([
      { part: 'thinking', text: 'ab', forced: false },
      { part: 'answer', text: 'So: ', forced: true },
      { part: 'answer', text: '4\n', forced: false },
    ]);
    expect(output.takeEmissions()).toEqual([]);
  });

  it('shows forced text as forced, with its tokens, and what was held before it', () => {
    const output = new OutputText(plan);
    output.push(piece('a\n'));
    output.force('Wait\n', [1, 2]);
    output.push(piece('b'));
    expect(output.takeEmissions()).toEqual([
      { part: 'thinking', text: 'a', forced: false },
      { part: 'thinking', text: '\n', forced: false },
      { part: 'thinking', text: 'Wait', forced: true, forcedTokens: { ids: [1, 2], text: 'Wait\n' } },
      { part: 'thinking', text: '\nb', forced: false },
    ]);
    expect(output.written.thinking).toBe('a\nWait\nb');
    output.force('so\n', [3]);
    expect(output.endsInNewline).toBe(true);
  });

  it('is without the end token that a server writes', () => {
    const output = new OutputText(fromServer);
    output.push(piece('ab<|im_start|>'));
    output.close('<|im_start|>');
    expect(output.written.thinking).toBe('ab');
    output.beginAnswer('');
    output.push(piece('4<|im_end|>'));
    output.drop('<|im_end|>');
    output.close();
    expect(output.written.answer).toBe('4');
    expect(output.takeEmissions().map(({ part, text }) => [part, text])).toEqual([
      ['thinking', 'ab'],
      ['answer', '4'],
    ]);
  });

  it('keeps such a text if it is made from ids: then it is no end token', () => {
    const output = new OutputText(plan);
    output.push(piece('ab<|im_start|>'));
    output.drop('<|im_start|>');
    output.close('<|im_start|>');
    expect(output.written.thinking).toBe('ab<|im_start|>');
  });
});
