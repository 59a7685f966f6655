import { describe, expect, it } from 'vitest';
import { type CalibrationRow, chooseByRisk } from '../../../lambda/forcing/choose-by-risk.ts';
import { settleGates } from '../../../lambda/forcing/settle-gates.ts';

const calibration = { measure: 'tail', unsureBelow: 0.4 } as const;

describe('the rules by confidence in force', () => {
  it('without any, nothing is measured', () => {
    expect(settleGates({}, [], calibration)).toMatchObject({ confidence: undefined, waitBelow: undefined });
  });

  it("the request's threshold comes before that of the key, of the config and of the calibration", () => {
    const key = { waitWhen: 'unsure', unsureBelow: 0.2 } as const;
    const config = { unsureBelow: 0.3 };
    const below = (...args: Parameters<typeof settleGates>) => {
      const settled = settleGates(...args);
      return settled.ok ? settled.waitBelow : settled.message;
    };
    expect(below({ unsureBelow: 0.1 }, [key, config], calibration)).toBe(0.1);
    expect(below({}, [key, config], calibration)).toBe(0.2);
    expect(below({ waitWhen: 'unsure' }, [{}, config], calibration)).toBe(0.3);
    expect(below({ waitWhen: 'unsure' }, [], calibration)).toBe(0.4);
    expect(below({ waitWhen: 'always' }, [key, config], calibration)).toBeUndefined();
  });

  it('a threshold of another measure does not hold: the request must give its own', () => {
    const other = { waitWhen: 'unsure', confidenceMeasure: 'entropy' } as const;
    const refused = settleGates(other, [{ unsureBelow: 0.2 }], calibration);
    expect(refused).toMatchObject({ ok: false, field: 'thinking.unsure_below' });
    expect(!refused.ok && refused.message).toContain('"tail", not for "entropy"');
    expect(settleGates({ ...other, unsureBelow: 0.7 }, [], calibration)).toMatchObject({ waitBelow: 0.7 });
    expect(settleGates({ waitWhen: 'unsure' }, [], undefined)).toMatchObject({ ok: false });
  });

  it('a rule of the defaults needs no log-probabilities: it names no field, and is off without a threshold', () => {
    expect(settleGates({}, [{ waitWhen: 'unsure', unsureBelow: 0.2 }], undefined)).toMatchObject({
      confidence: { measure: 'min_token', field: undefined },
    });
    expect(settleGates({}, [{ waitWhen: 'unsure' }], undefined)).toMatchObject({
      ok: true,
      waitBelow: undefined,
      off: 'no_threshold',
    });
    expect(settleGates({ waitWhen: 'always' }, [{ waitWhen: 'unsure' }], undefined)).not.toHaveProperty('off');
  });

  it('fields that exclude each other are refused', () => {
    const both = settleGates({ waitWhen: 'always', unsureBelow: 0.3 }, [], undefined);
    expect(both).toMatchObject({ ok: false, field: 'thinking.unsure_below' });
    const stop = settleGates({ stopWhen: 'never', sureAbove: 0.9 }, [], undefined);
    expect(stop).toMatchObject({ ok: false, field: 'thinking.sure_above' });
  });
});

describe('the policy of a risk', () => {
  const row = (changes: Partial<CalibrationRow>): CalibrationRow => ({
    waits: 1,
    waitWhen: 'always',
    maxTokens: 500,
    questions: 500,
    wrong: 10,
    wrongUpper95: 0.034,
    meanTokens: 150,
    ...changes,
  });
  const cheap = row({ wrongUpper95: 0.12, meanTokens: 60 });
  const gated = row({ waitWhen: 'unsure', unsureBelow: 0.3, wrongUpper95: 0.04, meanTokens: 80 });

  it('is the cheapest one whose bound is not above the risk', () => {
    const rows = [row({}), cheap, gated];
    expect(chooseByRisk(rows, 0.05, 1_000)).toEqual({ ok: true, row: gated });
    expect(chooseByRisk(rows, 0.2, 1_000)).toEqual({ ok: true, row: cheap });
    expect(chooseByRisk(rows, 0.035, 1_000)).toEqual({ ok: true, row: rows[0] });
  });

  it('is refused with the lowest risk that can be reached within the ceiling', () => {
    const rows = [row({ maxTokens: 900 }), cheap];
    expect(chooseByRisk(rows, 0.01, 1_000)).toEqual({ ok: false, reachable: 0.034 });
    expect(chooseByRisk(rows, 0.05, 600)).toEqual({ ok: false, reachable: 0.12 });
    expect(chooseByRisk(rows, 0.05, 100)).toEqual({ ok: false, reachable: undefined });
  });
});
