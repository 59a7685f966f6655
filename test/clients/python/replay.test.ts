import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { decode, IM_END, IM_START } from '../../lambda/forcing/tiny-vocabulary.ts';
import { eventsOf, type ScriptedSegment, scriptedApp } from '../../lambda/scripted-world.ts';
import { pinnedClients } from './recorded-request.ts';

const fixtures = join(import.meta.dirname, 'fixtures');
const recording = z.object({
  clients: z.array(z.string()),
  requests: z.array(z.object({ path: z.string(), headers: z.record(z.string(), z.string()), body: z.looseObject({}) })),
});

const call = '{"name": "weather", "arguments": {"city": "Paris"}}';
const script = (answer: string): readonly ScriptedSegment[] => [
  { says: '\nI look.', ends: IM_START },
  { says: answer, ends: IM_END },
];
const output = {
  calls: script(`\n<tool_call>\n${call}\n</tool_call>`),
  formed: script('{"number": 4}'),
  text: script('\nFine.'),
};
const shown = { calls: '{"city": "Paris"}', formed: '{"number": 4}', text: 'Fine.' };

/** What the recorded request asks for, in any dialect. */
function kindOf(body: Readonly<Record<string, unknown>>): keyof typeof output {
  const { tool_choice: choice, response_format: format, output_config: config, text } = body;
  const chosen = typeof choice === 'object' && choice !== null && 'type' in choice ? choice.type : choice;
  if (chosen === 'required' || chosen === 'any' || chosen === 'tool' || chosen === 'function') return 'calls';
  const structured = [format, config, text].some((field) => JSON.stringify(field)?.includes('"json_schema"'));
  return structured ? 'formed' : 'text';
}

const answered = z.union([
  z
    .object({ choices: z.tuple([z.object({ message: z.looseObject({}) })]) })
    .transform(({ choices }) => choices[0].message),
  z.object({ output: z.array(z.looseObject({})) }).transform(({ output }) => output),
  z.object({ content: z.array(z.looseObject({})) }).transform(({ content }) => content),
]);
const chunk = z.object({ choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })) });

/** All texts and arguments of a response, of its dialect's members for an answer. */
async function answerOf(response: Response): Promise<string> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    const chunks = (await eventsOf(response)).flatMap((event) => chunk.safeParse(event).data?.choices ?? []);
    return chunks.map(({ delta }) => delta.content ?? '').join('');
  }
  const member = (value: unknown): readonly string[] => {
    if (Array.isArray(value)) return value.flatMap(member);
    if (typeof value !== 'object' || value === null) return [];
    if ('type' in value && (value.type === 'reasoning' || value.type === 'thinking')) return [];
    return Object.entries(value).flatMap(([name, inner]) => {
      if (name === 'input') return [JSON.stringify(inner).replace('":', '": ')];
      if (['content', 'text', 'arguments'].includes(name) && typeof inner === 'string') return [inner];
      return ['content', 'tool_calls', 'function'].includes(name) ? member(inner) : [];
    });
  };
  return member(answered.parse(await response.json())).join('\n');
}

describe.each(readdirSync(fixtures).map((file) => file.replace('.json', '')))(
  'requests of the Python client %s',
  (name) => {
    const { clients, requests } = recording.parse(JSON.parse(readFileSync(join(fixtures, `${name}.json`), 'utf8')));

    it(`requests of ${name} are recorded from the pinned versions`, () => {
      expect(clients, 'Record them anew: npm run check:clients -- --record').toEqual(pinnedClients());
    });

    it.each(requests.map((request, index) => ({ index, ...request })))(
      `request $index of ${name} to $path is answered as it asks`,
      async ({ path, headers, body }) => {
        const kind = kindOf(body);
        const { app, model } = scriptedApp(output[kind]);
        const response = await app.request(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ ...body, model: 'scripted' }),
        });
        expect(response.status, await response.clone().text()).toBe(200);
        expect(await answerOf(response)).toContain(shown[kind]);
        const sent = JSON.stringify(body);
        const prompt = decode(model.requests[0]?.promptIds ?? []);
        for (const said of ['What is the weather in Paris?', 'Sunny, 21 degrees.', 'What is 2 + 2?', 'Once more.']) {
          expect(prompt.includes(said), said).toBe(sent.includes(said));
        }
      },
    );

    it(`${name} sends a second turn`, () => {
      expect(requests.some(({ body }) => /Sunny, 21 degrees|Once more/.test(JSON.stringify(body)))).toBe(true);
    });
  },
);
