import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settleLimits } from '../../../lambda/forcing/settle-limits.ts';
import { runs } from '../../property-runs.ts';
import { format } from './tiny-vocabulary.ts';

const model = {
  contextTokens: 1_000,
  defaultMaxThinkingTokens: 400,
  maxThinkingTokens: 800,
  defaultMaxAnswerTokens: 100,
};
const names = { minTokens: 'min', maxTokens: 'max', maxCompletionTokens: 'total' };
const settle = (requested: Parameters<typeof settleLimits>[0], promptTokens = 10) =>
  settleLimits(requested, model, promptTokens, format, names);

describe('settleLimits', () => {
  it("a request without a budget gets the model's defaults", () => {
    expect(settle({})).toEqual({
      ok: true,
      shrunk: [],
      limits: { minTokens: 0, maxTokens: 400, waits: 0, maxAnswerTokens: 100 },
    });
  });

  it('a minimum without waits allows eight "Wait"s', () => {
    expect(settle({ minTokens: 5 })).toMatchObject({ limits: { waits: 8 } });
  });

  it('a minimum above the default maximum raises it', () => {
    expect(settle({ minTokens: 600 })).toMatchObject({ limits: { minTokens: 600, maxTokens: 600 } });
  });

  it('a maximum shrinks to the context window, and the shrink is reported', () => {
    expect(settle({ maxTokens: 800 }, 500)).toMatchObject({
      ok: true,
      shrunk: [{ limit: 'max_tokens', from: 800, because: 'context' }],
    });
  });

  it('an effort shrinks to the ceiling of the model or of the key, and the report says which', () => {
    const effort = { maxTokens: 900, maxIsPreference: true };
    expect(settle(effort, 1)).toMatchObject({ shrunk: [{ from: 900, to: 800, because: 'model' }] });
    const ofKey = { ...model, maxThinkingTokens: 50, ceilingSource: 'key' as const };
    expect(settleLimits(effort, ofKey, 1, format, names)).toMatchObject({
      limits: { maxTokens: 50 },
      shrunk: [{ from: 900, to: 50, because: 'key' }],
    });
    expect(settleLimits({}, ofKey, 1, format, names)).toMatchObject({
      shrunk: [{ from: 400, to: 50, because: 'key' }],
    });
  });

  it('an explicit maximum above the ceiling is lowered to it, and the report says by whom', () => {
    expect(settle({ maxTokens: 31_999 })).toMatchObject({
      ok: true,
      limits: { maxTokens: 800 },
      shrunk: [{ from: 31_999, to: 800, because: 'model' }],
    });
    expect(
      settleLimits({ maxTokens: 900 }, { ...model, maxThinkingTokens: 50, ceilingSource: 'key' }, 1, format, names),
    ).toMatchObject({ limits: { maxTokens: 50 }, shrunk: [{ from: 900, to: 50, because: 'key' }] });
    // What counts against the total is the lowered maximum.
    expect(settle({ maxTokens: 31_999, maxCompletionTokens: 900 })).toMatchObject({ ok: true });
  });

  it('a quarter of max_completion_tokens is kept for the answer unless the maximum is explicit', () => {
    expect(settle({ maxCompletionTokens: 40 })).toMatchObject({ limits: { maxTokens: 30, maxAnswerTokens: 40 } });
    expect(settle({ maxCompletionTokens: 40, maxTokens: 39 })).toMatchObject({ limits: { maxTokens: 39 }, shrunk: [] });
    expect(settle({ maxCompletionTokens: 1 })).toMatchObject({ limits: { maxTokens: 0 } });
  });

  it.each([
    [{ minTokens: 9, maxTokens: 8 }, 'min', 'min (9) is greater than max (8)'],
    [{ minTokens: 801 }, 'min', 'at most 800'],
    [{ minTokens: 801, maxTokens: 900 }, 'min', 'at most 800'],
    [{ maxTokens: 40, maxCompletionTokens: 40 }, 'max', 'must be below total (40)'],
    [{ minTokens: 40, maxCompletionTokens: 40 }, 'min', 'must be below total (40)'],
  ])('contradictory limits are refused: %j', (requested, field, sentence) => {
    expect(settle(requested)).toMatchObject({ ok: false, field, message: expect.stringContaining(sentence) });
  });

  it('a conversation or a minimum that exceeds the context window is refused', () => {
    expect(settle({}, 999)).toMatchObject({ ok: false, code: 'context_length_exceeded', field: 'messages' });
    expect(settle({ minTokens: 700 }, 500)).toMatchObject({ ok: false, code: 'context_length_exceeded', field: 'min' });
  });

  it('settled limits always leave room in the window to close the thinking and for one answer token', () => {
    const count = fc.option(fc.integer({ min: 0, max: 900 }), { nil: undefined });
    fc.assert(
      fc.property(
        count,
        count,
        fc.option(fc.integer({ min: 1, max: 900 }), { nil: undefined }),
        fc.integer({ min: 1, max: 1_100 }),
        (minTokens, maxTokens, maxCompletionTokens, promptTokens) => {
          const settled = settle(
            {
              ...(minTokens === undefined ? {} : { minTokens }),
              ...(maxTokens === undefined ? {} : { maxTokens }),
              ...(maxCompletionTokens === undefined ? {} : { maxCompletionTokens }),
            },
            promptTokens,
          );
          if (!settled.ok) return;
          const { limits } = settled;
          const closing = format.newline.length + format.forceAnswer.length;
          expect(promptTokens + format.openThinking.length + limits.maxTokens + closing).toBeLessThan(
            model.contextTokens,
          );
          expect(limits.minTokens).toBeLessThanOrEqual(limits.maxTokens);
          expect(limits.maxAnswerTokens).toBeGreaterThan(0);
          if (maxCompletionTokens !== undefined) expect(limits.maxTokens).toBeLessThan(maxCompletionTokens);
          if (maxTokens !== undefined)
            expect(limits.maxTokens).toBeLessThanOrEqual(Math.max(maxTokens, limits.minTokens));
        },
      ),
      { numRuns: runs(5_000), seed: 3 },
    );
  });
});
