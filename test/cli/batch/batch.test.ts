import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { splitInput } from '../../../cli/batch/split-input.ts';
import { batchCommand } from '../../../cli/commands/batch.ts';
import type { RunLine } from '../../../lambda/batches/run-line.ts';
import { batchApp, echoLine, inputLine } from '../../lambda/batches/batch-world.ts';
import { commandRunner, serveUntilEnd } from '../over-http.ts';

/** The command against an app over HTTP whose worker runs by `run`, and a file of requests. */
async function commandWorld(lines: readonly string[], run: RunLine = echoLine) {
  const world = await batchApp([]);
  const { key, record } = await world.keys.create('jobs');
  const worker = setInterval(() => void world.work(run), 20);
  const url = await serveUntilEnd(world.app);
  const folder = mkdtempSync(join(tmpdir(), 'budgetforce-batch-'));
  onTestFinished(() => {
    clearInterval(worker);
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'requests.jsonl');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const call = commandRunner((more) => batchCommand.run([file, '--base-url', url, '--api-key', key, ...more]));
  const read = (name: string) =>
    readFileSync(join(folder, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  return { ...world, call, folder, file, read, record, stopWorker: () => clearInterval(worker) };
}

describe('budgetforce batch', { timeout: 30_000 }, () => {
  it('uploads, follows with progress, and writes the output', async () => {
    const { call, read, folder } = await commandWorld([inputLine('a'), inputLine('b')]);
    const { code, out, err } = await call();
    expect(code).toBe(0);
    expect(out).toContain('2 of 2 requests have a response, 0 failed.');
    expect(err).toMatch(/completed: 2 of 2\n$/);
    expect(read('requests.output.jsonl').map(({ custom_id: id }) => id)).toEqual(['a', 'b']);
    expect(readdirSync(folder)).toEqual(['requests.jsonl', 'requests.output.jsonl']);
  });

  it('writes errors beside the output, and ends with 1', async () => {
    const refuse: RunLine = async (line) => {
      const outcome = await echoLine(line);
      return outcome.kind === 'response' && outcome.requestId.endsWith('-1') ? { ...outcome, status: 400 } : outcome;
    };
    const { call, read } = await commandWorld([inputLine('a'), inputLine('b')], refuse);
    const { code, out } = await call('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ request_counts: { total: 2, completed: 1, failed: 1 } });
    expect(read('requests.errors.jsonl').map(({ custom_id: id }) => id)).toEqual(['b']);
  });

  it('prints what is wrong with the input by the numbers of its lines', async () => {
    const { call } = await commandWorld([inputLine('a'), '{"custom_id":']);
    const { code, out } = await call();
    expect(code).toBe(1);
    expect(out).toMatch(/batch_\w+, line 2: The line is not valid JSON/);
  });

  it('interrupted, it goes on with the batch that it sent', async () => {
    const { call, store, record, folder, stopWorker, work, read } = await commandWorld([inputLine('a')]);
    stopWorker();
    vi.spyOn(store, 'require').mockRejectedValueOnce(new Error('The process is killed.'));
    await expect(call()).rejects.toThrow();
    expect(readdirSync(folder)).toContain('requests.output.jsonl.state.json');
    await work(echoLine);
    expect((await call()).code).toBe(0);
    const batches = [];
    for await (const batch of store.list(record.id)) batches.push(batch.id);
    expect(batches).toHaveLength(1);
    expect(read('requests.output.jsonl')).toHaveLength(1);
  });

  it('does not go on with a file that was changed', async () => {
    const { call, store, file } = await commandWorld([inputLine('a')]);
    vi.spyOn(store, 'require').mockRejectedValueOnce(new Error('The process is killed.'));
    await expect(call()).rejects.toThrow();
    writeFileSync(file, inputLine('b'));
    await expect(call()).rejects.toThrow(/was changed since its batches batch_\w+ were sent/);
  });

  it('cancels the batch of an interrupted call', async () => {
    const { call, store, record, stopWorker } = await commandWorld([inputLine('a')]);
    stopWorker();
    vi.spyOn(store, 'require').mockRejectedValueOnce(new Error('The process is killed.'));
    await expect(call()).rejects.toThrow();
    expect((await call('--cancel')).out).toMatch(/: cancelled/);
    for await (const batch of store.list(record.id)) expect(batch.status).toBe('cancelling');
  });

  it('refuses a file that is missing or has no requests', async () => {
    const { call, file } = await commandWorld(['']);
    await expect(call()).rejects.toThrow(/has no requests/);
    rmSync(file);
    await expect(call()).rejects.toThrow(/cannot be read/);
  });
});

describe('splitInput', () => {
  it('splits a file that is too large for an upload, and no line of it', () => {
    const lines = Array.from({ length: 10 }, (_, index) => inputLine(String(index)));
    const { parts, endpoint } = splitInput('f.jsonl', lines.join('\n'), 450);
    expect(endpoint).toBe('/v1/chat/completions');
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.every((part) => Buffer.byteLength(part) <= 450)).toBe(true);
    expect(parts.join('').trim().split('\n')).toEqual(lines);
  });

  it('refuses a line that is too large for any upload', () => {
    expect(() => splitInput('f.jsonl', inputLine('a'), 50)).toThrow(/Line 1 of f.jsonl has/);
  });
});
