import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyOf, Process, playedWorld, post } from './played-world.ts';

const THOUGHT = 8_000;
const KILLS = 20;
const ask = { model: 'scripted', input: 'Think long.', temperature: 0, background: true, store: true };

/** Runs a response whose process is killed at each of these points, in tokens that the model sampled since the kill before. */
async function run(kills: readonly number[]) {
  const world = playedWorld({ thought: THOUGHT, callTokens: 700 });
  const created = await bodyOf(world.app.request('/v1/responses', post(ask)));
  const [pointer] = world.started;
  if (pointer === undefined) throw new Error('Nothing was started.');
  for (const after of kills) {
    const process = new Process();
    const from = world.model.sampled;
    world.model.onToken = async (sampled) => {
      if (sampled - from < after) return;
      process.kill();
      await process.lives();
    };
    const step = world.inProcess(process).runner.step(pointer, new AbortController().signal);
    await Promise.race([step, process.killed]);
  }
  world.model.onToken = () => {};
  await world.runToEnd(pointer);
  const response = await bodyOf(world.app.request(`/v1/responses/${created.id}`));
  const events = await (await world.app.request(`/v1/responses/${created.id}?stream=true`)).text();
  return { response, events, usage: await world.usage(), sampled: world.model.sampled };
}

/** The text of the deltas of a type, over the whole stream. */
function textOf(events: string, type: string): string {
  return parsed(events)
    .filter((event) => event.type === type)
    .map((event) => event.delta)
    .join('');
}

function parsed(events: string): { type: string; sequence_number: number; delta?: string }[] {
  return events
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

describe('A response whose process is killed', { timeout: 240_000 }, () => {
  it('has the text, the counts and the usage of one that runs undisturbed, and wastes at most 256 tokens a kill', async () => {
    const calm = await run([]);
    expect(calm.response).toMatchObject({
      status: 'completed',
      usage: { output_tokens: THOUGHT + 40, output_tokens_details: { reasoning_tokens: THOUGHT } },
    });
    const points = fc.array(fc.integer({ min: 0, max: (1.4 * THOUGHT) / KILLS }), {
      minLength: KILLS,
      maxLength: KILLS,
    });
    await fc.assert(
      fc.asyncProperty(points, async (kills) => {
        const killed = await run(kills);
        expect(killed.response.output).toEqual(calm.response.output);
        expect(killed.response.usage).toEqual(calm.response.usage);
        const { thinking_tokens, end_reason, delimiter_tokens, forced_tokens } = calm.response.budget_forcing ?? {};
        expect(killed.response.budget_forcing).toMatchObject({
          ...{ thinking_tokens, end_reason, delimiter_tokens, forced_tokens },
        });
        expect(killed.usage).toEqual(calm.usage);
        for (const type of ['response.reasoning_text.delta', 'response.output_text.delta']) {
          expect(textOf(killed.events, type)).toBe(textOf(calm.events, type));
        }
        const numbers = parsed(killed.events).map((event) => event.sequence_number);
        expect(numbers).toEqual(numbers.map((_, index) => index));
        const withoutText = ({ type }: { type: string }) => !type.endsWith('.delta');
        const types = (events: string) =>
          parsed(events)
            .filter(withoutText)
            .map(({ type }) => type);
        expect(types(killed.events)).toEqual(types(calm.events));
        expect(killed.sampled - calm.sampled).toBeLessThanOrEqual(256 * KILLS);
      }),
      { numRuns: 6 },
    );
  });
});
