import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

it('SIGTERM to npm start ends the whole process tree', { timeout: 60_000 }, async () => {
  const npm = spawn('npm', ['start', '--', '--port', '0', '--data', 'none', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const url = await new Promise<string>((resolve) => {
    npm.stdout.on('data', (chunk) => {
      text += String(chunk);
      const found = /"url":"([^"]+)"/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const ended = once(npm, 'exit');
  npm.kill('SIGTERM');
  await ended;
  const answers = async () =>
    await fetch(`${url}/health`).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: 10_000 }).toBe(false);
});
