import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { IM_END, IM_START } from '../../forcing/tiny-vocabulary.ts';
import { chat, eventsOf, scriptedApp } from '../../scripted-world.ts';

const script = [
  { says: '\nTwo and two.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const chunkSchema = z.object({ usage: z.object({ completion_tokens: z.int(), prompt_tokens: z.int() }).optional() });

const chunksWith = async (options: object) => {
  const response = await scriptedApp(script).app.request(
    '/v1/chat/completions',
    chat({ stream: true, stream_options: options }),
  );
  expect(response.status).toBe(200);
  return (await eventsOf(response)).filter((event) => event !== '[DONE]').map((event) => chunkSchema.parse(event));
};

describe('stream_options', () => {
  it('With continuous_usage_stats every chunk has the usage so far, which only grows', async () => {
    const chunks = await chunksWith({ include_usage: true, continuous_usage_stats: true });
    const counts = chunks.map(({ usage }) => usage?.completion_tokens ?? Number.NaN);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts[0]).toBeLessThan(5);
    expect(counts.at(-1)).toBe('\nTwo and two.\nFour.'.length);
    expect(new Set(chunks.map(({ usage }) => usage?.prompt_tokens)).size).toBe(1);
  });

  it.each([
    { include_usage: true },
    { include_usage: true, continuous_usage_stats: false },
    { include_usage: true, continuous_usage_stats: null },
  ])('With %j only the last chunk has the usage', async (options) => {
    const chunks = await chunksWith(options);
    expect(chunks.filter(({ usage }) => usage !== undefined)).toEqual([chunks.at(-1)]);
  });

  it.each([{ continuous_usage_stats: true }, { include_usage: null }])(
    'With %j no chunk has a usage',
    async (options) => {
      const chunks = await chunksWith(options);
      expect(chunks.every(({ usage }) => usage === undefined)).toBe(true);
    },
  );
});
