import { describe, expect, it } from 'vitest';
import { BudgetForcing } from '../../../lambda/forcing/budget-forcing.ts';
import type { ForcingPlan } from '../../../lambda/forcing/plan.ts';
import { drive } from './simulated-server.ts';
import { bytes, decode, format, IM_END, IM_START, newDecoder, WAIT } from './tiny-vocabulary.ts';

function machineOf(limits: Partial<ForcingPlan['limits']> = {}) {
  return new BudgetForcing({
    promptIds: bytes('how?'),
    format,
    limits: { minTokens: 0, maxTokens: 100, waits: 0, maxAnswerTokens: 50, ...limits },
    wait: { ids: [WAIT], text: 'Wait' },
    contextTokens: 1_000,
    newDecoder,
  });
}

/** A machine in its first segment, which has got these tokens, one per piece. */
function machineAfter(tokens: readonly number[], limits: Partial<ForcingPlan['limits']> = {}) {
  const machine = machineOf(limits);
  machine.next();
  for (const id of tokens) machine.push({ tokenIds: [id], text: '' });
  return machine;
}
const textOf = (machine: BudgetForcing) =>
  machine
    .takeEmissions()
    .map(({ text }) => text)
    .join('');

describe('a call that breaks', () => {
  it('after the end token and before its last chunk ends the thinking: nothing is sampled twice', () => {
    const machine = machineAfter([...bytes('\nab'), IM_START]);
    machine.segmentBroke();
    const next = machine.next();
    expect(next?.part).toBe('answer');
    expect(decode(next !== undefined && 'promptIds' in next ? next.promptIds : [])).toBe('how?think\nabanswer');
    machine.push({ tokenIds: [...bytes('\n4'), IM_END], text: '' });
    machine.segmentBroke();
    expect(machine.next()).toBeUndefined();
    expect(machine.report()).toMatchObject({ endReason: 'model', finishReason: 'stop', thinkingTokens: 3, events: [] });
  });

  it('at the maximum of the thinking and before its last chunk cuts it', () => {
    const machine = machineAfter(bytes('abcd'), { maxTokens: 4 });
    machine.segmentBroke();
    expect(machine.next()?.part).toBe('answer');
    expect(machine.report()).toMatchObject({
      endReason: 'budget',
      thinkingTokens: 4,
      events: [{ kind: 'cut', at: 4 }],
    });
  });

  it('at the maximum of the answer and before its last chunk ends the answer', () => {
    const machine = machineAfter([IM_START], { maxAnswerTokens: 2 });
    machine.segmentEnded('stop');
    machine.next();
    machine.push({ tokenIds: bytes('45'), text: '' });
    machine.segmentBroke();
    expect(machine.next()).toBeUndefined();
    expect(machine.report()).toMatchObject({ finishReason: 'length', answerTokens: 2 });
  });

  it('after an end below the minimum becomes a Wait, as if the call had completed', () => {
    const machine = machineAfter([...bytes('ab'), IM_START], { minTokens: 10, waits: 1 });
    machine.segmentBroke();
    const next = machine.next();
    expect(next?.part).toBe('thinking');
    expect(decode(next !== undefined && 'promptIds' in next ? next.promptIds : [])).toContain('abWait');
    expect(machine.report()).toMatchObject({ waits: 1 });
  });

  it('before the first token is called again as it was', () => {
    const machine = machineOf({ minTokens: 5 });
    const first = machine.next();
    machine.segmentBroke();
    expect(machine.next()).toEqual(first);
    expect(machine.report()).toMatchObject({ segments: 2, events: [{ kind: 'resume', at: 0 }] });
  });

  it('within the masked minimum continues with the rest of it', () => {
    const machine = machineAfter(bytes('abc'), { minTokens: 10, waits: 0 });
    machine.segmentBroke();
    expect(machine.next()).toMatchObject({ minTokens: 7, maxTokens: 97 });
  });

  it('after each possible number of tokens leaves the same output, and resumes only where tokens were missing', () => {
    const tokens = [...bytes('\nso 4'), IM_START, ...bytes('\nFour.'), IM_END];
    const script = { tokens, pieceSizes: [1], breaksAfter: new Map<number, number>() };
    const whole = drive(machineOf(), script);
    const shown = (run: typeof whole) => run.emissions.map(({ part, text }) => `${part}:${text}`).join('|');
    const joined = (run: typeof whole, part: string) =>
      run.emissions
        .filter((emission) => emission.part === part)
        .map(({ text }) => text)
        .join('');
    expect(shown(whole)).not.toBe('');
    for (const [call, length] of [
      [0, 6],
      [1, 7],
    ] as const) {
      for (let at = 0; at < length; at++) {
        const machine = machineOf();
        const broken = drive(machine, { ...script, breaksAfter: new Map([[call, at]]) });
        expect(joined(broken, 'thinking'), `call ${call} after ${at}`).toBe(joined(whole, 'thinking'));
        expect(joined(broken, 'answer'), `call ${call} after ${at}`).toBe(joined(whole, 'answer'));
        expect(machine.report().events).toMatchObject([{ kind: 'resume', at }]);
      }
    }
  });
});

describe('a cut and the minimum of the thinking', () => {
  it.each([
    [3, 'cut'],
    [4, undefined],
    [5, undefined],
  ])('after %d of at least 4 tokens misses the minimum: %s', (count, missed) => {
    const machine = machineAfter(new Array<number>(count).fill(97), { minTokens: 4 });
    machine.cut('deadline');
    expect(machine.report().minimumMissed).toBe(missed);
    expect(textOf(machine)).toContain('a'.repeat(count));
  });
});
