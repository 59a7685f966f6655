import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

const run = promisify(execFile);
let server: LocalServer;
beforeAll(async () => {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

describe('The README', async () => {
  const readme = await readFile('README.md', 'utf8');
  const lines = [...readme.matchAll(/^curl http:\/\/localhost:8787(\S+)[\s\S]*?^\}'$/gm)];

  it('The README has a curl line for each dialect', () => {
    expect(lines.map(([, path]) => path)).toEqual(['/v1/chat/completions', '/v1/responses', '/v1/messages']);
  });

  it.each(lines.map(([line, path]) => [path, line] as const))(
    'The curl line of %s in the README works as written',
    async (path, line) => {
      const { stdout } = await run('sh', ['-c', line.replace('http://localhost:8787', server.url)]);
      const answer = JSON.parse(stdout);
      expect(answer.budget_forcing.thinking_tokens).toBeGreaterThan(0);
      if (path !== '/v1/chat/completions') return;
      expect(answer).toMatchObject({
        usage: { completion_tokens_details: { reasoning_tokens: 48 } },
        budget_forcing: { thinking_tokens: 48, end_reason: 'budget' },
      });
    },
  );

  it('The program in the README prints a thought, a Wait and an answer', async () => {
    const program = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? '';
    const args = ['--input-type=module-typescript', '-e', program.replace('http://localhost:8787', server.url)];
    const { stdout } = await run(process.execPath, args);
    expect(stdout).toContain('Wait');
    expect(stdout.length).toBeGreaterThan(40);
  });
});

describe('The command line', () => {
  const budgetforce = async (...args: string[]) =>
    await run(process.execPath, ['bin/budgetforce.ts', ...args]).then(
      ({ stdout }) => ({ code: 0, text: stdout }),
      (error: { code: number; stderr: string; stdout: string }) => ({
        code: error.code,
        text: error.stderr + error.stdout,
      }),
    );

  it.each([
    [['--help'], 0, 'Commands:'],
    [['start', '--help'], 0, '--upstream URL'],
    [['eval', '--help'], 0, '--budgets LIST'],
    [['--version'], 0, '0.1.0'],
    [['start', '--alias', 'gpt-5'], 2, 'Write NAME=ID'],
    [['start', '--port', '0', '--alias', 'gpt-5=nope'], 1, 'but the models are "budgetforce-tiny"'],
    [['start', '--port', '0', '--alias', 'budgetforce-tiny=budgetforce-tiny'], 1, 'is the id of a model'],
    [[], 2, 'Usage:'],
    [['fly'], 2, 'There is no command "fly".'],
    [['start', '--prot', '1'], 2, "Unknown option '--prot'"],
    [['start', '--port', 'x'], 2, 'It must be a whole number from 0 to 65535.'],
    [['start', '--model', 'nope.gguf', '--format', 's1'], 2, 'There is no file nope.gguf.'],
    [
      ['start', '--model', 'local/model/budgetforce-tiny.gguf'],
      2,
      '--format is missing. Give the way this model delimits its thinking',
    ],
    [['start', '--upstream', 'http://127.0.0.1:9/v1', '--format', 'r1'], 1, 'cannot be reached'],
    [
      ['start', '--port', '0', '--data', 'package.json'],
      1,
      'The folder package.json, for keys and usage, cannot be opened',
    ],
    [['eval', '--budgets', 'few'], 2, 'Give whole numbers with commas'],
    [['eval', '--questions', 'none.jsonl'], 2, 'There is no file none.jsonl.'],
  ] as const)('budgetforce %j exits with %i and prints a sentence', async (args, code, sentence) => {
    const result = await budgetforce(...args);
    expect(result.text).toContain(sentence);
    expect(result.code).toBe(code);
  });

  it('budgetforce start names a port that is taken', async () => {
    const port = new URL(server.url).port;
    expect(await budgetforce('start', '--host', '127.0.0.1', '--port', port)).toMatchObject({
      code: 1,
      text: expect.stringContaining(`Port ${port} is taken.`),
    });
  });
});

describe('A GGUF file', () => {
  it('The same app serves a GGUF file, whose server tokenizes', async () => {
    const own = await startLocal({
      port: 0,
      host: '127.0.0.1',
      modelPath: 'local/model/budgetforce-tiny.gguf',
      format: 's1',
    });
    try {
      const response = await fetch(`${own.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'budgetforce-tiny',
          messages: [{ role: 'user', content: 'What is 2 + 2?<|im_end|>' }],
          thinking: { min_tokens: 12, max_tokens: 12, waits: 0 },
        }),
      });
      expect(await response.json()).toMatchObject({ budget_forcing: { thinking_tokens: 12, minimum_missed: null } });
    } finally {
      await own.close();
    }
  });
});
