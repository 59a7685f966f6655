import { describe, expect, it } from 'vitest';
import { isOpen, mayWake } from '../../../lambda/batches/windows.ts';
import { batchRulesSchema } from '../../../lambda/settings/batch-settings.ts';

const at = (text: string) => Date.parse(text) / 1_000;
const rulesWith = (...windows: readonly object[]) => batchRulesSchema.parse({ windows });

describe('isOpen', () => {
  it('without windows, lines may always start', () => {
    expect(isOpen({}, at('2026-11-27T12:00:00Z'))).toBe(true);
  });

  it.each([
    ['2026-11-27T21:59:00Z', false],
    ['2026-11-27T22:00:00Z', true],
    ['2026-11-28T05:59:00Z', true],
    ['2026-11-28T06:00:00Z', false],
  ])('a window over midnight is open from its start to its end: %s %s', (time, open) => {
    expect(isOpen(rulesWith({ from: '22:00', to: '06:00' }), at(time))).toBe(open);
  });

  // 2026-11-27 is a Friday.
  it.each([
    ['2026-11-27T23:00:00Z', true],
    ['2026-11-28T03:00:00Z', true],
    ['2026-11-28T23:00:00Z', false],
    ['2026-11-27T03:00:00Z', false],
  ])('days are those on which a window begins: %s %s', (time, open) => {
    expect(isOpen(rulesWith({ from: '22:00', to: '06:00', days: ['fri'] }), at(time))).toBe(open);
  });

  it('times are local, also in summer', () => {
    const rules = rulesWith({ from: '08:00', to: '09:00', timezone: 'Europe/Berlin' });
    expect(isOpen(rules, at('2026-01-15T07:30:00Z'))).toBe(true);
    expect(isOpen(rules, at('2026-07-15T07:30:00Z'))).toBe(false);
    expect(isOpen(rules, at('2026-07-15T06:30:00Z'))).toBe(true);
  });

  it('one of several windows is enough', () => {
    const rules = rulesWith({ from: '01:00', to: '02:00' }, { from: '12:00', to: '13:00' });
    expect(isOpen(rules, at('2026-11-27T12:30:00Z'))).toBe(true);
  });
});

describe('mayWake', () => {
  it('without windows, a batch wakes copies after it has waited', () => {
    const rules = batchRulesSchema.parse({ wakeAfterMinutes: 30 });
    expect(mayWake(rules, 1_000, 1_000 + 30 * 60 - 1)).toBe(false);
    expect(mayWake(rules, 1_000, 1_000 + 30 * 60)).toBe(true);
  });

  it('in a window, it wakes them at once', () => {
    const now = at('2026-11-27T12:30:00Z');
    expect(mayWake(rulesWith({ from: '12:00', to: '13:00' }), now, now)).toBe(true);
    expect(mayWake(rulesWith({ from: '13:00', to: '14:00' }), now, now)).toBe(false);
  });
});
