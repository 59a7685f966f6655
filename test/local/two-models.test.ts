import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type FurtherModel, missingFile, smallModel } from '../../local/further-models.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

/** The tiny model once more, under another id. */
const twin: FurtherModel = {
  id: 'twin',
  modelPath: 'local/model/budgetforce-tiny.gguf',
  tokenizerPath: 'local/model/tokenizer.json',
  format: 's1',
  systemPrompt: 'You are a careful assistant.',
  defaultTemperature: 1,
};
const models = ['budgetforce-tiny', 'twin'];
const routes = [
  { id: 'auto', models, escalate: { unsure_below: 0.3 }, pass_thought: false },
  { id: 'always', models, escalate: { unsure_below: 1 }, pass_thought: false },
  { id: 'passing', models, escalate: { unsure_below: 1 }, pass_thought: true },
  { id: 'agreeing', models, escalate: { disagree: 2 }, pass_thought: false },
];
let loaded = 0;
let server: LocalServer;

beforeAll(async () => {
  server = await startLocal({
    port: 0,
    host: '127.0.0.1',
    furtherModels: [twin],
    routes,
    wrapEngine: (engine) => {
      loaded++;
      return engine;
    },
  });
});
afterAll(async () => await server.close());

const answerSchema = z.looseObject({
  choices: z
    .array(z.looseObject({ message: z.looseObject({ content: z.string(), reasoning_content: z.string() }) }))
    .min(1),
  budget_forcing: z.looseObject({ route: z.unknown().optional() }),
});

async function ask(body: Readonly<Record<string, unknown>>) {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'What is 37 + 58 - 21 + 44?' }], seed: 3, ...body }),
  });
  return answerSchema.parse(await response.json());
}

describe('A local server with two models', () => {
  it('lists both and the routes, and loads the second by its first request', async () => {
    expect(server.offered).toEqual([...models, 'auto', 'always', 'passing', 'agreeing']);
    expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'budgetforce-tiny' }, { id: 'twin', context_window: 2_048 }, ...routes.map(({ id }) => ({ id }))],
    });
    expect(await ask({ model: 'budgetforce-tiny' })).toMatchObject({
      choices: [{ message: { content: expect.any(String) } }],
    });
    expect(loaded).toBe(1);
    const [first, second] = await Promise.all([
      ask({ model: 'budgetforce-tiny', temperature: 0 }),
      ask({ model: 'twin', temperature: 0 }),
    ]);
    expect(loaded).toBe(2);
    expect(second.choices[0]?.message).toEqual(first.choices[0]?.message);
  });

  it('a sure thought is answered by the first model', async () => {
    const answer = await ask({ model: 'auto', temperature: 0 });
    expect(answer.budget_forcing).toMatchObject({
      route: { id: 'auto', answered_by: 'budgetforce-tiny' },
      attempts: [{ model: 'budgetforce-tiny', reason: 'first', confidence: expect.any(Number) }],
    });
  });

  it.each(['always', 'passing'])('an unsure one by the second (%s)', async (model) => {
    const answer = await ask({ model });
    expect(answer.budget_forcing).toMatchObject({
      route: { id: model, answered_by: 'twin' },
      attempts: [{ model: 'budgetforce-tiny' }, { model: 'twin', reason: 'unsure' }],
    });
    expect(answer.choices[0]?.message.content).not.toBe('');
  });

  it('samples of the first model that agree answer', async () => {
    const answer = await ask({ model: 'agreeing', temperature: 0 });
    expect(answer.budget_forcing.route).toEqual({ id: 'agreeing', answered_by: 'budgetforce-tiny' });
  });

  it('a model whose file is missing is refused by the name of the file', async () => {
    const gone = { ...twin, modelPath: 'local/models/gone.gguf' };
    expect(missingFile(gone)).toBe('local/models/gone.gguf');
    await expect(startLocal({ port: 0, host: '127.0.0.1', furtherModels: [gone] })).rejects.toThrow(
      'The model twin cannot be served: there is no file local/models/gone.gguf.',
    );
    expect(smallModel.modelPath).toMatch(/local\/models\/budgetforce-small\/budgetforce-small\.gguf$/);
  });

  it('a route over an unknown model is refused', async () => {
    const wrong = [
      { id: 'auto', models: ['budgetforce-tiny', 'other'], escalate: { disagree: 2 }, pass_thought: false },
    ];
    await expect(startLocal({ port: 0, host: '127.0.0.1', routes: wrong })).rejects.toThrow('names the model "other"');
  });
});
