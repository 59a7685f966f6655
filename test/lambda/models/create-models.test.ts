import { expect, it } from 'vitest';
import { createModels } from '../../../lambda/models/create-models.ts';
import { ScriptedModel, scriptedModel } from '../scripted-world.ts';

it('each model has its own idle limit, which holds for its fallbacks as well', async () => {
  const { settings } = scriptedModel('patient', []);
  const opened: (readonly [string, number | undefined])[] = [];
  await createModels(
    [
      { ...settings, upstreamIdleMs: 90_000, fallbacks: [{ name: 'spare', upstream: settings.upstream }] },
      { ...settings, id: 'plain' },
    ],
    {
      open: async (_, id, idleMs) => {
        opened.push([id, idleMs]);
        return { segments: new ScriptedModel([]), tokenize: async () => ({}) };
      },
      now: () => 0,
      random: () => 0,
    },
  );
  expect(opened).toEqual([
    ['patient', 90_000],
    ['spare', 90_000],
    ['plain', undefined],
  ]);
});
