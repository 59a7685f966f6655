import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import { type ForcingPlan, givenIds, toForcingPrefix } from '../../../lambda/forcing/plan.ts';
import { bytes, decode, format, IM_END, IM_START, newDecoder, WAIT } from './tiny-vocabulary.ts';

function machineOf(limits: Partial<ForcingPlan['limits']> = {}, changes: Partial<ForcingPlan> = {}) {
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
const segmentOf = (machine: BudgetForcing) => {
  const step = machine.next();
  if (step === undefined || step.lookUp !== undefined) throw new Error('No segment follows.');
  return step;
};
const logprobs = (length: number, probability: number) =>
  Array.from({ length }, () => ({ token: '', logprob: Math.log(probability), top: [] }));
/** Pushes a text whose tokens all have this probability. */
const push = (machine: BudgetForcing, text: string, probability?: number) =>
  machine.push({
    tokenIds: bytes(text),
    text: '',
    ...(probability === undefined ? {} : { logprobs: logprobs(bytes(text).length, probability) }),
  });
const line = `${'a'.repeat(40)}\n`;
const sure = { above: 0.9, agree: 3, hint: bytes('=') };
const unsure = { measure: 'min_token' } as const;

describe('the room that an output needs', () => {
  const delimiters = format.newline.length + format.forceAnswer.length;
  const opened = bytes('how?').length + format.openThinking.length;

  it('in the thinking is the rest of it, passages, the delimiters and the answer', () => {
    const machine = machineOf({ maxTokens: 100, maxAnswerTokens: 50 });
    expect(machine.roomNeeded()).toBe(100 + delimiters + 50);
    machine.next();
    push(machine, 'abc');
    expect(machine.roomNeeded()).toBe(97 + delimiters + 50);
    const lookUp = machineOf({}, { lookUp: { below: 0.5, maxTokens: 30 }, confidence: unsure });
    expect(lookUp.roomNeeded()).toBe(100 + 30 + delimiters + 50);
  });

  it('has no passages after they came', () => {
    const machine = machineOf({}, { lookUp: { below: 0.5, maxTokens: 30 }, confidence: unsure });
    machine.next();
    push(machine, 'abc', 0.1);
    machine.segmentEnded('stop', IM_START);
    machine.next();
    machine.takePassages(undefined);
    expect(machine.roomNeeded()).toBe(50);
    const taken = machineOf({}, { lookUp: { below: 0.5, maxTokens: 30 }, confidence: unsure });
    taken.next();
    push(taken, 'abc', 0.1);
    taken.segmentEnded('stop', IM_START);
    taken.next();
    taken.takePassages({ ids: bytes('P'), text: 'P' });
    expect(taken.roomNeeded()).toBe(97 + delimiters + 50);
  });

  it('in the answer is the rest of it', () => {
    const machine = machineOf({ maxTokens: 0 });
    machine.next();
    push(machine, 'abc');
    expect(machine.roomNeeded()).toBe(47);
  });

  it('has no more answer than the window has room for, at least none', () => {
    const window = opened + 100 + delimiters + 7;
    expect(machineOf({}, { contextTokens: window }).roomNeeded()).toBe(100 + delimiters + 7);
    expect(machineOf({}, { contextTokens: window - 8 }).roomNeeded()).toBe(100 + delimiters);
    const lookUp = { lookUp: { below: 0.5, maxTokens: 30 }, confidence: unsure, contextTokens: window + 30 };
    expect(machineOf({}, lookUp).roomNeeded()).toBe(100 + 30 + delimiters + 7);
  });
});

describe('a machine that is used out of order', () => {
  it('takes no piece and no end without a segment', () => {
    const message = 'No segment is running: call next() first.';
    expect(() => push(machineOf(), 'a')).toThrow(message);
    expect(() => machineOf().segmentEnded('stop')).toThrow(message);
    expect(() => machineOf().segmentBroke()).toThrow(message);
  });

  it('takes no passages that it did not ask for, and not more than it asked for', () => {
    const passages = { ids: bytes('abc'), text: 'abc' };
    expect(() => machineOf().takePassages(passages)).toThrow('No passages were asked for: call next() first.');
    const machine = machineOf({}, { lookUp: { below: 0.5, maxTokens: 2 }, confidence: unsure });
    machine.next();
    expect(() => machine.takePassages(passages)).toThrow('No passages were asked for: call next() first.');
    push(machine, 'ab', 0.1);
    machine.segmentEnded('stop', IM_START);
    expect(machine.next()).toEqual({ part: 'thinking', lookUp: { maxTokens: 2 } });
    expect(() => machine.takePassages(passages)).toThrow('The passages have 3 tokens, but at most 2 were asked for.');
    machine.takePassages({ ids: bytes('ab'), text: 'ab' });
    expect(machine.report().retrievedTokens).toBe(2);
  });

  it('does not move while a segment runs', () => {
    const machine = machineOf();
    machine.next();
    const moved = { format, wait: { ids: [WAIT], text: 'Wait' }, contextTokens: 9, ids: [1], partLength: 0 };
    expect(() => machine.moveTo(moved)).toThrow('A segment is running: call segmentBroke() first.');
  });

  it('is not aborted after its answer', () => {
    const machine = machineOf({ maxTokens: 0, maxAnswerTokens: 1 });
    machine.next();
    push(machine, 'a');
    machine.segmentEnded('length');
    expect(machine.next()).toBeUndefined();
    machine.abort();
    machine.cut('deadline');
    expect(machine.report()).toMatchObject({ answerTokens: 1, abortedTokens: 0, finishReason: 'length' });
    expect(machine.report().answerCutBy).toBeUndefined();
  });
});

describe('a segment that was returned and not run', () => {
  it('does not count if the thinking is cut', () => {
    const machine = machineOf();
    machine.next();
    machine.cut('deadline', { called: false });
    expect(machine.report()).toMatchObject({ segments: 0, endReason: 'deadline' });
    const called = machineOf();
    called.next();
    called.cut('deadline');
    expect(called.report().segments).toBe(1);
  });

  it('that was left already is not taken back', () => {
    const machine = machineOf();
    machine.next();
    machine.segmentBroke();
    machine.cut('load', { called: false });
    expect(machine.report().segments).toBe(1);
  });

  it('of a probe does not count either', () => {
    const machine = machineOf({}, { stopWhenSure: sure });
    machine.next();
    push(machine, line);
    expect(segmentOf(machine).probe).toBe(true);
    machine.cut('deadline', { called: false });
    expect(machine.report()).toMatchObject({ segments: 1, probes: 0 });
  });

  it('whose answer is cut has the reason only if it is a deadline', () => {
    for (const reason of ['deadline', 'load', 'shutdown'] as const) {
      const machine = machineOf({ maxTokens: 0 });
      machine.next();
      machine.cut(reason);
      expect(machine.report().answerCutBy).toBe(reason === 'deadline' ? 'deadline' : undefined);
      expect(machine.report().finishReason).toBe('length');
    }
  });
});

describe('the place of a probe', () => {
  const leaves = (
    limits: Partial<ForcingPlan['limits']>,
    changes: Partial<ForcingPlan>,
    text = line,
    probability = 0.5,
  ) => {
    const machine = machineOf(limits, { stopWhenSure: sure, ...changes });
    machine.next();
    return push(machine, text, probability).leave;
  };

  it.each<[string, boolean, Partial<ForcingPlan['limits']>, Partial<ForcingPlan>, string?, number?]>([
    ['at the end of a line', true, {}, {}],
    ['not within a line', false, {}, {}, 'a'.repeat(41)],
    ['not before 32 tokens', false, {}, {}, `${'a'.repeat(30)}\n`],
    ['from 32 tokens on', true, {}, {}, `${'a'.repeat(31)}\n`],
    ['not below the minimum', false, { minTokens: 42 }, {}],
    ['at the minimum', true, { minTokens: 41 }, {}],
    ['not before the Waits that come at any confidence', false, { waits: 1 }, {}],
    ['before Waits below a minimum', true, { minTokens: 41, waits: 1 }, {}],
    ['before Waits of an unsure model, if it is sure', true, { waits: 1 }, { confidence: unsure, waitBelow: 0.5 }],
    ['not if it is unsure', false, { waits: 1 }, { confidence: unsure, waitBelow: 0.51 }],
    ['not if passages are needed', false, {}, { confidence: unsure, lookUp: { below: 0.51, maxTokens: 9 } }],
    ['if no passages are needed', true, {}, { confidence: unsure, lookUp: { below: 0.5, maxTokens: 9 } }],
  ])('is %s', (_, expected, limits, changes, text, probability) => {
    expect(leaves(limits, changes, text, probability)).toBe(expected);
  });

  it('is not after a Wait', () => {
    const machine = machineOf({ minTokens: 3, waits: 1 }, { stopWhenSure: sure });
    machine.next();
    machine.push({ tokenIds: [97, IM_START], text: '' });
    machine.segmentEnded('stop', IM_START);
    machine.next();
    expect(push(machine, line).leave).toBe(false);
  });

  it('is after passages that came, although the model was unsure', () => {
    const machine = machineOf({}, { stopWhenSure: sure, confidence: unsure, lookUp: { below: 0.5, maxTokens: 9 } });
    machine.next();
    push(machine, 'ab', 0.1);
    machine.segmentEnded('stop', IM_START);
    machine.next();
    machine.takePassages({ ids: bytes('P'), text: 'P' });
    machine.next();
    expect(push(machine, line, 0.1).leave).toBe(true);
  });

  it('is nowhere without the rule', () => {
    const machine = machineOf();
    machine.next();
    expect(push(machine, line).leave).toBe(false);
  });

  it('is not in the answer', () => {
    const machine = machineOf({ maxTokens: 0 }, { stopWhenSure: sure });
    machine.next();
    expect(push(machine, line).leave).toBe(false);
  });

  it('has the rest of its piece discarded, and the masked tokens that are left', () => {
    const machine = machineOf({ minTokens: 41, maxTokens: 100 }, { stopWhenSure: sure });
    expect(segmentOf(machine).minTokens).toBe(41);
    expect(push(machine, `${line}xyz`)).toEqual({ over: true, leave: true, kept: 41 });
    expect(machine.report()).toMatchObject({ thinkingTokens: 41, sampledTokens: 44, discardedTokens: 3 });
    expect(segmentOf(machine)).toMatchObject({
      part: 'thinking',
      probe: true,
      minTokens: 0,
      maxTokens: 24,
      logprobs: { top: 0 },
      stopTokenIds: format.answerEnds,
    });
    expect(push(machine, '4\n')).toEqual({ over: true, leave: true, kept: 0 });
    expect(segmentOf(machine)).toMatchObject({ minTokens: 0, maxTokens: 59 });
  });

  it('needs room in the window', () => {
    const ids = bytes('how?').length + format.openThinking.length + 41 + format.forceAnswer.length + sure.hint.length;
    const probeOf = (contextTokens: number) => {
      const machine = machineOf({}, { stopWhenSure: sure, contextTokens });
      machine.next();
      push(machine, line);
      return segmentOf(machine);
    };
    expect(probeOf(ids + 3)).toMatchObject({ probe: true, maxTokens: 3 });
    expect(probeOf(ids + 1)).toMatchObject({ probe: true, maxTokens: 1 });
    expect(probeOf(ids)).not.toHaveProperty('probe');
  });
});

describe('a probe', () => {
  function probing(changes: Partial<ForcingPlan> = {}) {
    const machine = machineOf({}, { stopWhenSure: sure, ...changes });
    machine.next();
    push(machine, line, 0.5);
    const probe = segmentOf(machine);
    return { machine, probe };
  }

  it('begins after the forced opening of an answer and the hint', () => {
    const { probe } = probing();
    expect(decode(probe.promptIds)).toBe(`how?think${line}answer\nFinal Answer:=`);
  });

  it('that is sure ends the thinking, and its tokens are no part of the output', () => {
    const { machine } = probing();
    expect(push(machine, '4', 1)).toEqual({ over: false, leave: false, kept: 0 });
    expect(push(machine, '2\nmore', 1)).toEqual({ over: true, leave: true, kept: 0 });
    expect(machine.report()).toMatchObject({
      endReason: 'sure',
      probeTokens: 3,
      probes: 1,
      thinkingTokens: 41,
      discardedTokens: 4,
      sampledTokens: 41 + 7,
      events: [
        { kind: 'probe', at: 41, value: 1 },
        { kind: 'cut', at: 41, tokens: format.forceAnswer.length },
      ],
    });
  });

  it('of as many tokens as it may have is over without an answer', () => {
    const { machine } = probing();
    expect(push(machine, '1'.repeat(23))).toMatchObject({ over: false, leave: false });
    expect(push(machine, '22')).toEqual({ over: true, leave: true, kept: 0 });
    expect(machine.report()).toMatchObject({ probeTokens: 24, discardedTokens: 1, endReason: undefined });
  });

  it('in a small window is over at its maximum, and its end decides', () => {
    const ids = bytes('how?').length + format.openThinking.length + 41 + format.forceAnswer.length + 1;
    const { machine, probe } = probing({ contextTokens: ids + 2 });
    expect(probe.maxTokens).toBe(2);
    expect(push(machine, '4')).toEqual({ over: false, leave: false, kept: 0 });
    expect(push(machine, '2')).toEqual({ over: true, leave: false, kept: 0 });
    machine.segmentEnded('stop');
    expect(machine.report()).toMatchObject({ probeTokens: 2, events: [{ kind: 'probe', at: 41 }] });
  });

  it('without log-probabilities says that the gates are off, and one without a token does not', () => {
    const { machine } = probing();
    push(machine, '4\n');
    expect(machine.report().gatesOff).toBe('no_logprobs');
    const { machine: empty } = probing();
    empty.segmentEnded('stop', IM_END);
    expect(empty.report().gatesOff).toBeUndefined();
  });

  it('that breaks leaves the thinking as it was', () => {
    const { machine } = probing();
    push(machine, '4');
    machine.segmentBroke();
    expect(machine.report()).toMatchObject({ probeTokens: 1, probes: 1, events: [] });
    expect(segmentOf(machine)).toMatchObject({ part: 'thinking', maxTokens: 59 });
  });
});

describe('the log-probabilities that a segment needs', () => {
  it.each<[Partial<ForcingPlan>, object | undefined]>([
    [{}, undefined],
    [{ confidence: { measure: 'min_token', field: 'f' } }, { top: 0, field: 'f' }],
    [
      { confidence: { measure: 'min_token' }, gateMeasure: 'entropy' },
      { top: 20, field: undefined },
    ],
    [
      { confidence: { measure: 'entropy', field: 'f' }, gateMeasure: 'tail' },
      { top: 20, field: 'f' },
    ],
    [{ gateMeasure: 'tail' }, { top: 0, field: undefined }],
  ])('of %j are %j in the thinking, and none in the answer', (changes, expected) => {
    expect(segmentOf(machineOf({}, changes)).logprobs).toEqual(expected);
    expect(segmentOf(machineOf({ maxTokens: 0 }, changes))).not.toHaveProperty('logprobs');
  });
});

describe('the confidence in the report', () => {
  function ended(changes: Partial<ForcingPlan>, probabilities: readonly (number | undefined)[]) {
    const machine = machineOf({}, changes);
    machine.next();
    for (const probability of probabilities) push(machine, 'a', probability);
    machine.segmentEnded('stop', IM_START);
    return machine.report();
  }

  it('is of the thought without the end token, by its own measure and by that of the gate', () => {
    const changes = { confidence: { measure: 'min_token' }, gateMeasure: 'tail' } as const;
    const report = ended(changes, [0.5, 0.125]);
    expect(report.confidence).toMatchObject({ measure: 'min_token', tokens: 2 });
    expect(report.confidence?.value).toBeCloseTo(0.125, 9);
    expect(report.gateConfidence).toBeCloseTo(0.25, 9);
    const same = ended({ confidence: { measure: 'tail' }, gateMeasure: 'tail' }, [0.5, 0.125]);
    expect(same.gateConfidence).toBeCloseTo(0.25, 9);
    expect(same.confidence?.value).toBeCloseTo(0.25, 9);
  });

  it('is not of the gate if the plan has none', () => {
    expect(ended({ confidence: { measure: 'tail' } }, [0.5]).gateConfidence).toBeUndefined();
    expect(ended({ gateMeasure: 'tail' }, [0.5])).toMatchObject({ confidence: undefined });
  });

  it('is unknown if a token has no log-probability, which matters only to a rule that needs it', () => {
    const changes = { confidence: { measure: 'min_token' } } as const;
    expect(ended(changes, [0.5, undefined])).toMatchObject({ confidence: undefined, gatesOff: undefined });
    expect(ended({ ...changes, waitBelow: 0.5 }, [0.5, undefined]).gatesOff).toBe('no_logprobs');
    const lookUp = { below: 0.5, maxTokens: 9 };
    expect(ended({ ...changes, lookUp }, [0.5, undefined]).gatesOff).toBe('no_logprobs');
    expect(ended({ gateOff: 'no_threshold' }, [0.5]).gatesOff).toBe('no_threshold');
  });

  it('is without an end token of the model’s own config, which came as an id', () => {
    const machine = machineOf({}, { confidence: { measure: 'min_token' } });
    machine.next();
    push(machine, 'a', 0.5);
    machine.push({ tokenIds: [260], text: '', logprobs: logprobs(1, 0.01) });
    machine.segmentEnded('stop', 260);
    expect(machine.report()).toMatchObject({ thinkingTokens: 1, discardedTokens: 1 });
    expect(machine.report().confidence?.value).toBeCloseTo(0.5, 9);
  });
});

describe('the end of a segment', () => {
  it('by the server’s id is dropped only if it is the last id, and a stop', () => {
    const report = (finish: 'stop' | 'length', stop: number | undefined, ids: readonly number[]) => {
      const machine = machineOf({ maxTokens: 0 });
      machine.next();
      machine.push({ tokenIds: ids, text: '' });
      machine.segmentEnded(finish, stop);
      return machine.report();
    };
    expect(report('stop', 260, [97, 260])).toMatchObject({ answerTokens: 1, discardedTokens: 1, finishReason: 'stop' });
    expect(report('stop', 260, [97, 98])).toMatchObject({ answerTokens: 2, discardedTokens: 0, finishReason: 'stop' });
    expect(report('length', 98, [97, 98])).toMatchObject({ answerTokens: 2, finishReason: 'length' });
    expect(report('stop', undefined, [97, 98])).toMatchObject({ answerTokens: 2, finishReason: 'stop' });
    // The id of a listed end token was dropped as it came.
    expect(report('stop', IM_END, [97, IM_END])).toMatchObject({ answerTokens: 1, discardedTokens: 1 });
  });

  it('does not take a token of an earlier segment away', () => {
    const machine = machineOf();
    machine.next();
    machine.push({ tokenIds: [97, 260], text: '' });
    machine.segmentBroke();
    machine.next();
    machine.segmentEnded('stop', 260);
    expect(machine.report()).toMatchObject({ thinkingTokens: 2, discardedTokens: 0 });
  });

  it('names the stop text that the server reports', () => {
    const machine = machineOf({ maxTokens: 0 });
    machine.next();
    push(machine, 'ab');
    machine.segmentEnded('stop', 'END');
    expect(machine.report()).toMatchObject({ stopText: 'END', finishReason: 'stop' });
  });

  it('names the stop text that was found in the ids only when the output is over', () => {
    const machine = machineOf({ maxTokens: 0 }, { stopTexts: ['END'] });
    machine.next();
    expect(push(machine, 'abEND').over).toBe(true);
    expect(machine.report().stopText).toBeUndefined();
    machine.segmentEnded('length');
    expect(machine.report()).toMatchObject({ stopText: 'END', finishReason: 'stop' });
  });

  it('without a token, again and again, ends the thinking', () => {
    const machine = machineOf({ minTokens: 5 });
    for (let call = 0; call < 3; call++) {
      expect(segmentOf(machine).part).toBe('thinking');
      machine.segmentEnded('length');
    }
    expect(machine.report()).toMatchObject({ endReason: 'budget', minimumMissed: 'server_ignores_min_tokens' });
    expect(segmentOf(machine).part).toBe('answer');
  });

  it('at the maximum of its tokens is over, and a break after it is its end', () => {
    const machine = machineOf({ maxTokens: 3 });
    machine.next();
    expect(push(machine, 'ab').over).toBe(false);
    expect(push(machine, 'cd')).toEqual({ over: true, leave: false, kept: 1 });
    machine.segmentBroke();
    expect(machine.report()).toMatchObject({ thinkingTokens: 3, discardedTokens: 1, events: [] });
    machine.next();
    expect(machine.report().endReason).toBe('budget');
  });
});

describe('the minimum of a completion', () => {
  it('masks the end of the answer until thinking and answer together have it', () => {
    const machine = machineOf({}, { minCompletionTokens: 10 });
    expect(segmentOf(machine).minTokens).toBe(0);
    machine.push({ tokenIds: [...bytes('abc'), IM_START], text: '' });
    machine.segmentEnded('stop', IM_START);
    expect(segmentOf(machine)).toMatchObject({ part: 'answer', minTokens: 7 });
    push(machine, 'de');
    machine.segmentBroke();
    expect(segmentOf(machine).minTokens).toBe(5);
  });

  it('is at most the maximum of the answer', () => {
    const machine = machineOf({ maxTokens: 0 }, { minCompletionTokens: Number.POSITIVE_INFINITY });
    expect(segmentOf(machine)).toMatchObject({ minTokens: 50, maxTokens: 50 });
  });
});

describe('the maximum of an answer', () => {
  const opened = bytes('how?').length + format.skipThinking.length;

  it.each<[string, Partial<ForcingPlan>, number]>([
    ['its own limit', {}, 50],
    ['the window', { contextTokens: opened + 7 }, 7],
    ['what is left of the completion', { maxCompletionTokens: 20 }, 20],
  ])('is %s', (_, changes, tokens) => {
    expect(segmentOf(machineOf({ maxTokens: 0 }, changes)).maxTokens).toBe(tokens);
  });

  it('counts the thinking against the completion', () => {
    const machine = machineOf({}, { maxCompletionTokens: 20 });
    machine.next();
    machine.push({ tokenIds: [...bytes('abc'), IM_START], text: '' });
    machine.segmentEnded('stop', IM_START);
    expect(segmentOf(machine).maxTokens).toBe(17);
    push(machine, 'de');
    machine.segmentBroke();
    expect(segmentOf(machine).maxTokens).toBe(15);
  });
});

describe('a beginning that the client gives', () => {
  it.each([
    [{}, undefined],
    [{ thinking: '', answer: '' }, undefined],
    [{ thinking: 'so' }, { part: 'thinking', ids: [7], text: 'so' }],
    [{ answer: '4' }, { part: 'answer', ids: [7], text: '4' }],
    [
      { thinking: 'so', answer: '4' },
      { part: 'answer', ids: [7], text: '4' },
    ],
  ])('of %j is %j', (given, prefix) => {
    expect(toForcingPrefix(given, [7])).toEqual(prefix);
  });

  it('follows the opened thinking, or the prompt if it is an answer', () => {
    const ids = (maxTokens: number, part?: 'thinking' | 'answer') =>
      decode(
        givenIds({
          promptIds: bytes('how?'),
          format,
          limits: { maxTokens },
          prefix: part && { part, ids: bytes('so'), text: 'so' },
        }),
      );
    expect(ids(9)).toBe('how?think');
    expect(ids(0)).toBe('how?');
    expect(ids(9, 'thinking')).toBe('how?thinkso');
    expect(ids(0, 'thinking')).toBe('how?thinkso');
    expect(ids(9, 'answer')).toBe('how?so');
  });

  it('of an answer is over thinking, and its end is masked below its minimum', () => {
    const prefix = { part: 'answer', ids: bytes('so'), text: 'so' } as const;
    const machine = machineOf({}, { prefix, minAnswerTokens: 3 });
    expect(segmentOf(machine)).toMatchObject({ part: 'answer', minTokens: 3, promptIds: bytes('how?so') });
    expect(machine.report()).toMatchObject({ endReason: 'disabled', promptTokens: 6, forcedTokens: 0 });
    expect(segmentOf(machineOf({}, { prefix })).minTokens).toBe(0);
  });
});

describe('the text that was written', () => {
  it.each(['ab', 'ab\n'])('after a cut thought %j ends in one newline, as the ids do', (thought) => {
    const machine = machineOf();
    machine.next();
    push(machine, thought);
    machine.cut('load');
    expect(machine.written()).toEqual({ part: 'answer', thinking: 'ab\n', answer: 'Final Answer:' });
    expect(decode(segmentOf(machine).promptIds)).toBe('how?thinkab\nanswer\nFinal Answer:');
  });

  it('has no newline if the family closes a thought without one', () => {
    const machine = machineOf({}, { format: { ...format, newline: [] } });
    machine.next();
    push(machine, 'ab');
    machine.cut('load');
    expect(machine.written().thinking).toBe('ab');
  });
});

describe('the text of a server without a decoder', () => {
  const { newDecoder: _, ...plan } = {
    promptIds: bytes('how?'),
    format,
    limits: { minTokens: 0, maxTokens: 100, waits: 0, maxAnswerTokens: 50 },
    wait: { ids: [WAIT], text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
  };

  it('belongs to its whole piece, in which no probe interrupts', () => {
    const machine = new BudgetForcing({ ...plan, stopWhenSure: sure });
    machine.next();
    expect(machine.push({ tokenIds: bytes(`${line}more\n`), text: `${line}more\n` })).toEqual({
      over: true,
      leave: true,
      kept: 46,
    });
    expect(machine.written().thinking).toBe(`${line}more\n`);
  });
});

describe('further calls for the same output', () => {
  it('that were aborted count their tokens and themselves, and are no output', () => {
    const machine = machineOf();
    machine.next();
    machine.countAborted(5);
    expect(machine.report()).toMatchObject({ segments: 2, sampledTokens: 5, abortedTokens: 5, thinkingTokens: 0 });
    expect(machine.tokens()).toEqual({ thinking: 0, answer: 0 });
  });

  it('in another vocabulary go on from its ids, with its window and the hint of its probes', () => {
    const machine = machineOf({}, { stopWhenSure: sure });
    machine.next();
    push(machine, 'ab');
    machine.segmentBroke();
    const ids = bytes(`other ${'b'.repeat(40)}\n`);
    const moved = { format, wait: { ids: [WAIT], text: 'Wait' }, contextTokens: 500, newDecoder, ids, partLength: 41 };
    machine.moveTo({ ...moved, probeHint: bytes('#') });
    expect(machine.written()).toEqual({ part: 'thinking', thinking: 'ab', answer: '' });
    expect(segmentOf(machine).promptIds).toEqual(ids);
    push(machine, line);
    expect(decode(segmentOf(machine).promptIds)).toMatch(/Final Answer:#$/);
    const plain = machineOf();
    plain.moveTo({ ...moved, contextTokens: 60 });
    expect(plain.roomNeeded()).toBe(100 + format.newline.length + format.forceAnswer.length);
    expect(segmentOf(plain)).not.toHaveProperty('logprobs');
  });
});
