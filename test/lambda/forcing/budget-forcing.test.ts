import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import { drive, type ServerScript } from './simulated-server.ts';
import {
  bytes,
  decode,
  END_OF_TEXT,
  FOREIGN_END,
  format,
  IM_END,
  IM_START,
  newDecoder,
  WAIT,
} from './tiny-vocabulary.ts';

function machineOf(limits: Partial<ForcingPlan['limits']>, changes: Partial<ForcingPlan> = {}) {
  return new BudgetForcing({
    promptIds: bytes('how?'),
    format,
    limits: { minTokens: 0, maxTokens: 100, waits: 0, maxAnswerTokens: 50, ...limits },
    wait: { ids: [WAIT], text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
    ...changes,
  });
}

function says(...pieces: readonly (string | number)[]): ServerScript {
  const tokens = pieces.flatMap((piece) => (typeof piece === 'string' ? bytes(piece) : [piece]));
  return { tokens, pieceSizes: [1], breaksAfter: new Map() };
}

function run(machine: BudgetForcing, script: ServerScript) {
  const { emissions, segments } = drive(machine, script);
  const text = (part: string) =>
    emissions
      .filter((emission) => emission.part === part)
      .map((emission) => emission.text)
      .join('');
  return { thinking: text('thinking'), answer: text('answer'), segments, emissions, report: machine.report() };
}

describe('the natural end of the thinking', () => {
  it('an end that the model samples is followed by the opening of the answer', () => {
    const { thinking, answer, segments, report } = run(machineOf({}), says('\nso 4', IM_START, '\nFour.', IM_END));
    expect({ thinking, answer }).toEqual({ thinking: 'so 4', answer: 'Four.' });
    expect(decode(segments[1]?.promptIds ?? [])).toBe('how?think\nso 4answer');
    expect(report).toMatchObject({ endReason: 'model', waits: 0, forcedTokens: format.openAnswer.length, events: [] });
  });

  it("an end of turn, an end of text and an end token of the model's own config end the thinking", () => {
    for (const end of [IM_END, END_OF_TEXT, FOREIGN_END]) {
      const { thinking, report } = run(machineOf({}), says('x', end, 'y', IM_END));
      expect({ thinking, tokens: report.thinkingTokens }).toEqual({ thinking: 'x', tokens: 1 });
    }
  });

  it('an end token may be the first token', () => {
    const { thinking, report } = run(machineOf({}), says(IM_START, 'y', IM_END));
    expect(thinking).toBe('');
    expect(report).toMatchObject({ thinkingTokens: 0, endReason: 'model', discardedTokens: 2 });
  });

  it('an end token that is the last token within the maximum still counts as the end by the model', () => {
    const { report } = run(machineOf({ maxTokens: 3 }), says('ab', IM_START, 'y', IM_END));
    expect(report).toMatchObject({ thinkingTokens: 2, endReason: 'model' });
  });
});

describe('the maximum of the thinking', () => {
  it('the maximum cuts the thinking and opens the answer', () => {
    const { thinking, answer, segments, report } = run(machineOf({ maxTokens: 4 }), says('abcd', ' 7', IM_END));
    expect({ thinking, answer }).toEqual({ thinking: 'abcd', answer: 'Final Answer: 7' });
    expect(decode(segments[1]?.promptIds ?? [])).toBe('how?thinkabcd\nanswer\nFinal Answer:');
    expect(report).toMatchObject({
      endReason: 'budget',
      events: [{ kind: 'cut', at: 4, tokens: 1 + format.forceAnswer.length }],
    });
  });

  it('a cut adds no newline to thinking that ends in one', () => {
    const { segments } = run(machineOf({ maxTokens: 3 }), says('ab\n', ' 7', IM_END));
    expect(decode(segments[1]?.promptIds ?? [])).toBe('how?thinkab\nanswer\nFinal Answer:');
  });

  it('the maximum applies to all segments together', () => {
    const { segments, report } = run(
      machineOf({ minTokens: 10, maxTokens: 10, waits: 9 }),
      says('abc', IM_START, 'def', IM_START, 'ghijkl'),
    );
    expect(segments.slice(0, 3).map((segment) => segment.maxTokens)).toEqual([10, 6, 2]);
    expect(report).toMatchObject({ thinkingTokens: 10, waits: 2, endReason: 'budget' });
  });

  it('a maximum of 0 skips the thinking', () => {
    const { answer, segments, report } = run(machineOf({ maxTokens: 0 }), says(' 7', IM_END));
    expect(answer).toBe('Final Answer: 7');
    expect(segments).toHaveLength(1);
    expect(report).toMatchObject({
      thinkingTokens: 0,
      endReason: 'disabled',
      delimiterTokens: format.skipThinking.length,
    });
  });

  it('a cut drops half a character', () => {
    expect(run(machineOf({ maxTokens: 3 }), says('ab🤔', IM_END)).thinking).toBe('ab');
  });
});

describe('the minimum of the thinking', () => {
  it('early ends become "Wait", each followed by at least one token', () => {
    const { thinking, segments, report } = run(
      machineOf({ minTokens: 6, waits: 3 }),
      says('ab', IM_START, 'cde', IM_START, 'y', IM_END),
    );
    expect(thinking).toBe('abWaitcde');
    expect(segments.map((segment) => segment.minTokens)).toEqual([0, 1, 0]);
    expect(report).toMatchObject({ thinkingTokens: 6, waits: 1, events: [{ kind: 'wait', at: 2, tokens: 1 }] });
  });

  it('early ends are masked after the last allowed "Wait"', () => {
    const { segments, report } = run(
      machineOf({ minTokens: 9, waits: 1 }),
      says('ab', IM_START, 'c', IM_START, 'defgh', IM_START, 'y', IM_END),
    );
    expect(segments.map((segment) => segment.minTokens)).toEqual([0, 1, 5, 0]);
    expect(report).toMatchObject({ thinkingTokens: 9, waits: 1, endReason: 'model', minimumMissed: undefined });
    expect(report.events.map((event) => event.kind)).toEqual(['wait', 'suppress']);
  });

  it('early ends are masked from the start if no "Wait" is allowed', () => {
    const { segments, thinking } = run(
      machineOf({ minTokens: 5, waits: 0 }),
      says('ab', IM_START, 'cd', IM_START, 'y', IM_END),
    );
    expect(segments[0]).toMatchObject({ minTokens: 5, maxTokens: 100 });
    expect(thinking).toHaveLength(5);
  });

  it('early ends are masked if a "Wait" would fill the rest of the maximum', () => {
    const { report } = run(machineOf({ minTokens: 3, maxTokens: 3, waits: 5 }), says('ab', IM_START, 'c'));
    expect(report).toMatchObject({ thinkingTokens: 3, waits: 0 });
    expect(report.events.map((event) => event.kind)).toEqual(['suppress', 'cut']);
  });
});

describe('waits without a minimum', () => {
  it('waits without a minimum suppress as many ends, at any length', () => {
    const { thinking, report } = run(
      machineOf({ waits: 2 }),
      says('long enough', IM_START, 'b', IM_START, 'c', IM_START, 'y', IM_END),
    );
    expect(thinking).toBe('long enoughWaitbWaitc');
    expect(report).toMatchObject({ waits: 2, endReason: 'model' });
  });

  it('waits are not appended beyond the maximum', () => {
    expect(run(machineOf({ waits: 5, maxTokens: 4 }), says('abc', IM_START, 'd')).report).toMatchObject({
      waits: 0,
      endReason: 'model',
      thinkingTokens: 3,
    });
  });
});

describe('the answer', () => {
  it('an answer ends if the model begins a second one', () => {
    expect(run(machineOf({}), says('x', IM_START, 'one', IM_START, 'answer\ntwo', IM_END)).answer).toBe('one');
  });

  it('an answer ends with finish reason "length" at its own maximum', () => {
    const { answer, report } = run(machineOf({ maxAnswerTokens: 3 }), says('x', IM_START, 'abcdef', IM_END));
    expect(answer).toBe('abc');
    expect(report.finishReason).toBe('length');
  });

  it('an answer ends before a stop text, even one that is cut into pieces', () => {
    const { answer, report } = run(
      machineOf({}, { stopTexts: ['END'] }),
      says('END', IM_START, 'one EN two END three', IM_END),
    );
    expect(answer).toBe('one EN two ');
    expect(report.finishReason).toBe('stop');
  });
});

describe('cut()', () => {
  it('cut() ends the thinking with its reason, between two pieces', () => {
    const machine = machineOf({ minTokens: 50 });
    machine.next();
    machine.push({ tokenIds: bytes('abc'), text: '' });
    machine.cut('deadline');
    const { report } = run(machine, says(' 7', IM_END));
    expect(report).toMatchObject({
      endReason: 'deadline',
      thinkingTokens: 3,
      minimumMissed: 'cut',
      finishReason: 'stop',
    });
  });

  it('cut() ends the answer if it has begun', () => {
    const machine = machineOf({ maxTokens: 0 });
    machine.next();
    machine.push({ tokenIds: bytes('abc'), text: '' });
    machine.cut('deadline');
    expect(machine.next()).toBeUndefined();
    expect(machine.report()).toMatchObject({ finishReason: 'length', answerTokens: 3 });
  });
});

describe('a call that breaks', () => {
  it('a call that breaks after its end token counts as completed', () => {
    const script = { ...says('ab', IM_START, 'y', IM_END), breaksAfter: new Map([[0, 3]]) };
    expect(run(machineOf({}), script).report).toMatchObject({ endReason: 'model', thinkingTokens: 2, segments: 2 });
  });

  it('a call that breaks half-way is continued from its ids, with the rest of its masked tokens', () => {
    const script = { ...says('abcdefgh', IM_START, 'y', IM_END), breaksAfter: new Map([[0, 3]]) };
    const { segments, report } = run(machineOf({ minTokens: 6, waits: 0 }), script);
    expect(segments.map((segment) => segment.minTokens)).toEqual([6, 3, 0]);
    expect(report.events).toEqual([{ kind: 'resume', at: 3 }]);
  });
});

describe('soft landing', () => {
  it('a soft landing ends the thinking with a line, from its share of the maximum on', () => {
    const thought = 'one\ntwo\nthree\nfour\nfive and so on and on';
    const { thinking, report, segments } = run(machineOf({ maxTokens: 20 }, { softLanding: 0.6 }), says(thought));
    expect(thinking).toBe('one\ntwo\nthree');
    expect(report).toMatchObject({ thinkingTokens: 14, endReason: 'budget' });
    expect(report.events).toEqual([{ kind: 'cut', at: 14, tokens: format.forceAnswer.length, soft: true }]);
    // The line has ended, so no second newline is added.
    expect(decode(segments[1]?.promptIds ?? [])).toBe('how?thinkone\ntwo\nthree\nanswer\nFinal Answer:');
  });

  it.each([
    ['ends the thinking after a sentence', 'It is four. Or not at all', 'It is four.'],
    ['ends the thinking after a question', 'Is it four? Or not at all', 'Is it four?'],
    ['ignores a decimal point', 'It is 3.14159265358979', 'It is 3.14159265358979'.slice(0, 20)],
    ['ignores an abbreviation of single letters', 'by e.g. this and that', 'by e.g. this and that'.slice(0, 20)],
  ])('a soft landing %s', (_title, output, thinking) => {
    expect(run(machineOf({ maxTokens: 20 }, { softLanding: 0.25 }), says(output)).thinking).toBe(thinking);
  });

  it('a soft landing never ends the thinking below the minimum or before the forced "Wait"s', () => {
    const lines = 'a\nb\nc\nd\n';
    expect(run(machineOf({ minTokens: 7, maxTokens: 20 }, { softLanding: 0 }), says(lines)).report.thinkingTokens).toBe(
      8,
    );
    const waited = run(machineOf({ waits: 1 }, { softLanding: 0 }), says('a\nb', IM_START, 'c\nd'));
    expect(waited.thinking).toBe('a\nbWaitc');
  });
});

describe('loop detection', () => {
  const loop = 'Let me think again.\n'.repeat(20);

  it('a loop is cut with the end reason "loop" after four rounds and 160 tokens', () => {
    const { report } = run(machineOf({ maxTokens: 400 }, { detectLoops: true }), says(loop));
    expect(report).toMatchObject({ endReason: 'loop', thinkingTokens: 160 });
  });

  it('a loop is not cut if detection is off, or below the minimum', () => {
    expect(run(machineOf({ maxTokens: 400 }), says(loop)).report.endReason).not.toBe('loop');
    const { report } = run(machineOf({ minTokens: 300, maxTokens: 400 }, { detectLoops: true }), says(loop));
    expect(report.thinkingTokens).toBe(304);
  });

  it('thinking that counts, or repeats itself once after each "Wait", is no loop', () => {
    const counts = Array.from({ length: 40 }, (_, index) => `step ${index}: add ${index}.`).join('\n');
    expect(run(machineOf({ maxTokens: 400 }, { detectLoops: true }), says(counts)).report.endReason).toBe('budget');
    const waits = Array.from({ length: 9 }, () => [
      ...bytes(' and so it is the same as it was before.'),
      IM_START,
    ]).flat();
    const { report } = run(machineOf({ maxTokens: 400, waits: 8 }, { detectLoops: true }), {
      ...says(''),
      tokens: waits,
    });
    expect(report).toMatchObject({ waits: 8, endReason: 'model' });
  });
});

describe('a given beginning of the output', () => {
  const thought = (text: string): ForcingPlan['prefix'] => ({ part: 'thinking', ids: bytes(text), text });

  it('a thought continues after its given beginning, which counts as prompt and is not emitted', () => {
    const machine = machineOf({}, { prefix: thought('\nso') });
    const { thinking, answer, segments, report } = run(machine, says('\n 4', IM_START, '\nFour.', IM_END));
    expect(decode(segments[0]?.promptIds ?? [])).toBe('how?think\nso');
    expect({ thinking, answer }).toEqual({ thinking: '\n 4', answer: 'Four.' });
    expect(report).toMatchObject({
      promptTokens: bytes('how?think\nso').length + 1,
      thinkingTokens: 3,
      sampledTokens: 11,
      endReason: 'model',
    });
  });

  it('the limits do not count a given thought', () => {
    const machine = machineOf({ minTokens: 3, maxTokens: 3 }, { prefix: thought('\nlong before') });
    const { report } = run(machine, says('abc', '7', IM_END));
    expect(report).toMatchObject({ thinkingTokens: 3, endReason: 'budget' });
  });

  it('a given thought is followed by the forced answer if the maximum is 0', () => {
    const { segments, report } = run(machineOf({ maxTokens: 0 }, { prefix: thought('\nso\n') }), says(' 4', IM_END));
    expect(decode(segments[0]?.promptIds ?? [])).toBe('how?think\nso\nanswer\nFinal Answer:');
    expect(report).toMatchObject({
      endReason: 'budget',
      thinkingTokens: 0,
      delimiterTokens: format.forceAnswer.length,
    });
  });

  it('an answer continues after its given beginning, without thinking and without forced tokens', () => {
    const ids = [...format.openThinking, ...bytes('\nso\n'), ...format.openAnswer, ...bytes('\nFo')];
    const machine = machineOf({ maxTokens: 0 }, { prefix: { part: 'answer', ids, text: 'Fo' }, stopTexts: ['.'] });
    const { thinking, answer, segments, report } = run(machine, says('\nur. No', IM_END));
    expect(decode(segments[0]?.promptIds ?? [])).toBe('how?think\nso\nanswer\nFo');
    expect({ thinking, answer }).toEqual({ thinking: '', answer: '\nur' });
    expect(report).toMatchObject({ endReason: 'disabled', thinkingTokens: 0, forcedTokens: 0, finishReason: 'stop' });
  });

  it('a loop may begin in a given thought', () => {
    const round = 'and again ';
    const machine = machineOf({ maxTokens: 300 }, { prefix: thought(round.repeat(15)), detectLoops: true });
    const { report } = run(machine, says(round.repeat(20), IM_END));
    expect(report.endReason).toBe('loop');
    expect(report.thinkingTokens).toBeLessThan(40);
  });
});
