import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { namedModels, parseRoutes } from '../../cli/commands/local-models-option.ts';
import { startCommand } from '../../cli/commands/start.ts';

const TINY = 'local/model/budgetforce-tiny.gguf';
const TOKENIZER = 'local/model/tokenizer.json';
let folder = '';
let child: ChildProcess | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'budgetforce-models-'));
});
afterEach(() => child?.kill('SIGKILL'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('--model, --format and --tokenizer, repeated', () => {
  it('a model has the id that it is given, or the name of its file', () => {
    expect(namedModels({ model: ['a/big=1/m.gguf', 'small=b.gguf', 'c.gguf'], format: ['s1', 'c=qwen3'] })).toEqual([
      { id: 'm', model: 'a/big=1/m.gguf', format: 's1' },
      { id: 'small', model: 'b.gguf', format: 's1' },
      { id: 'c', model: 'c.gguf', format: 'qwen3' },
    ]);
  });

  it('one model needs no id for its tokenizer', () => {
    expect(namedModels({ model: ['b.gguf'], tokenizer: ['t.json'] })).toEqual([
      { id: 'b', model: 'b.gguf', tokenizer: 't.json' },
    ]);
    expect(namedModels({ model: ['x=b.gguf'], tokenizer: ['x=t.json'] })).toMatchObject([{ tokenizer: 't.json' }]);
  });

  it('a route has the threshold of the option, or none of its own', () => {
    const route = { id: 'auto', models: ['a', 'b', 'c'], pass_thought: false };
    expect(parseRoutes(['auto=a,b,c'], undefined)).toEqual([{ ...route, escalate: {} }]);
    expect(parseRoutes(['auto=a,b, c'], '0.4')).toEqual([{ ...route, escalate: { unsure_below: 0.4 } }]);
  });

  const two = ['--model', `small=${TINY}`, '--model', `large=${TINY}`, '--port', '0', '--data', 'none'];
  it.each([
    [['--model', TINY, '--model', TINY, '--format', 's1'], 'Two models have the id "budgetforce-tiny".'],
    [two, '--format is missing.'],
    [
      [...two, '--format', 'small=s1'],
      'The model "large" has no --format. Give the way it delimits its thinking: --format large=NAME',
    ],
    [
      [...two, '--format', 's1', '--format', 'other=s1'],
      '--format names the model "other", but the models are "small", "large".',
    ],
    [[...two, '--format', 's1', '--format', 'r1'], '--format is given twice for the same model: "r1".'],
    [[...two, '--format', 's1', '--tokenizer', TOKENIZER], `Write whose it is: --tokenizer small=${TOKENIZER}.`],
    [[...two, '--format', 's1', '--tokenizer', 'large=none.json'], 'There is no file none.json.'],
    [['--model', `a=${TINY}`, '--model', 'b=none.gguf', '--format', 's1'], 'There is no file none.gguf.'],
    [[...two, '--format', 's1', '--route', 'auto'], '--route is "auto". Write ID=SMALL,LARGE'],
    [[...two, '--format', 's1', '--route', 'auto=small,'], '--route is "auto=small,". Write ID=SMALL,LARGE'],
    [[...two, '--format', 's1', '--unsure-below', '0.3'], 'Give --route ID=SMALL,LARGE with it'],
    [[...two, '--format', 's1', '--route', 'auto=small,large', '--unsure-below', '2'], '--unsure-below is "2".'],
    [[...two, '--format', 's1', '--route', 'auto=small,large', '--unsure-below', '0'], 'Give a number above 0'],
    [
      [...two, '--format', 's1', '--route', 'auto=small,huge'],
      'The route "auto" names the model "huge", but the models are "small", "large"',
    ],
    [[...two, '--format', 's1', '--upstream', 'http://localhost:1/v1'], '--model and --upstream both name a model.'],
    [['--format', 's1', '--format', 'r1'], '--format is given twice for the same model: "r1".'],
    [['--format', 'x=s1'], '--format names the model "x", but the models are not given with --model'],
  ])('%s is refused with what to write', async (argv, message) => {
    await expect(startCommand.run(argv)).rejects.toThrow(message);
  });

  it('a route over a model without a calibration is refused', async () => {
    const bare = join(folder, 'bare.gguf');
    copyFileSync(TINY, bare);
    const models = [
      '--model',
      `small=${bare}`,
      '--model',
      `large=${TINY}`,
      '--format',
      's1',
      '--port',
      '0',
      '--data',
      'none',
    ];
    await expect(startCommand.run([...models, '--route', 'auto=small,large'])).rejects.toThrow(
      'The route "auto" has no threshold, and its model "small" has no calibration that would give one',
    );
  });

  it('a file that is no GGUF is refused by its name', async () => {
    const text = join(folder, 'text.gguf');
    writeFileSync(text, 'no model');
    const models = [
      '--model',
      `small=${TINY}`,
      '--model',
      `large=${text}`,
      '--format',
      's1',
      '--port',
      '0',
      '--data',
      'none',
    ];
    await expect(startCommand.run(models)).rejects.toThrow(
      `The model large cannot be served: ${text} is not a GGUF file.`,
    );
  });
});

const answerSchema = z.looseObject({
  budget_forcing: z.looseObject({ route: z.unknown(), attempts: z.array(z.unknown()) }),
});

describe('budgetforce start with two own models and a route', { timeout: 120_000 }, () => {
  it('serves both, and asks the second if the first is less sure than its calibration demands', async () => {
    const small = join(folder, 'first.gguf');
    copyFileSync(TINY, small);
    // No thought is as sure as this, so the route always escalates.
    writeFileSync(join(folder, 'first.calibration.json'), JSON.stringify({ id: 'c', measure: 'tail', unsureBelow: 1 }));
    const args = ['bin/budgetforce.ts', 'start', '--port', '0', '--data', 'none', '--json', '--parallel', '1'];
    const models = ['--model', `small=${small}`, '--model', `large=${TINY}`, '--format', 's1'];
    const tokenizers = ['small', 'large'].flatMap((id) => ['--tokenizer', `${id}=${TOKENIZER}`]);
    child = spawn(process.execPath, [...args, ...models, ...tokenizers, '--route', 'auto=small,large'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    for await (const part of child.stdout ?? []) {
      text += String(part);
      if (text.includes('\n')) break;
    }
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(text));
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: 'small' }, { id: 'large' }, { id: 'auto', route: { models: ['small', 'large'], escalate: {} } }],
    });
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', seed: 1, messages: [{ role: 'user', content: 'What is 37 + 58 - 21?' }] }),
    });
    expect(answerSchema.parse(await response.json()).budget_forcing).toMatchObject({
      route: { id: 'auto', answered_by: 'large' },
      attempts: [
        { model: 'small', confidence: expect.any(Number) },
        { model: 'large', reason: 'unsure' },
      ],
    });
  });
});
