/**
 * Contributors' check: published Python clients against `budgetforce start`, two turns each, with a tool and a schema; and clients that
 * upload documents and read citations, against a model that cites.
 *
 *     npm run check:clients -- [--yes] [--record] [CLIENT...]
 *
 * `--yes` installs the clients without asking. `--record` writes the requests to `fixtures`, which `python-clients.test.ts` replays.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { pinnedClients, type RecordedRequest } from './recorded-request.ts';
import { serveDocuments } from './serve-documents.ts';

const here = import.meta.dirname;
const root = join(here, '../../..');
const requirements = join(here, 'requirements.txt');
const MAX_SECONDS_PER_CLIENT = 300;

const { values, positionals } = parseArgs({
  options: { yes: { type: 'boolean', default: false }, record: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const python = await install();
const known = execFileSync(python, [join(here, 'check.py')], { encoding: 'utf8' })
  .trim()
  .split(' ');
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`No client ${unknown.join(', ')}. There are ${known.join(', ')}.`);

const data = mkdtempSync(join(tmpdir(), 'budgetforce-clients-'));
const server = spawn(
  process.execPath,
  [join(root, 'bin/budgetforce.ts'), 'start', '--port', '0', '--data', data, '--json'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const documents = await serveDocuments();
let failed = 0;
try {
  const [line] = z.tuple([z.instanceof(Buffer)]).parse(await once(server.stdout, 'data'));
  const { url } = z.object({ url: z.url() }).parse(JSON.parse(line.toString()));
  for (const name of positionals.length > 0 ? positionals : known) {
    const began = performance.now();
    const cites = name.endsWith('documents');
    const { passed, requests } = await run(name, cites ? documents.url : url);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${name}: ${requests.length} requests in ${seconds} s\n`);
    if (!passed) failed++;
    // What is stored has ids that another recording would not have.
    if (passed && values.record && !cites && !name.endsWith('background')) {
      mkdirSync(join(here, 'fixtures'), { recursive: true });
      writeFileSync(
        join(here, 'fixtures', `${name}.json`),
        `${JSON.stringify({ clients: pinnedClients(), requests }, undefined, 1)}
`,
      );
    }
  }
} finally {
  server.kill();
  await documents.close();
  rmSync(data, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

/** Runs one client against a proxy that records what it sends. */
async function run(
  name: string,
  upstream: string,
): Promise<{ readonly passed: boolean; readonly requests: readonly RecordedRequest[] }> {
  const requests: RecordedRequest[] = [];
  const proxy = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method = 'GET', url = '/' } = request;
    if (method === 'POST' && body.length > 0 && request.headers['content-type'] === 'application/json')
      requests.push({ path: url, headers: dialectHeaders(request.headers), body: JSON.parse(body.toString()) });
    const headers = Object.entries({
      ...request.headers,
      host: undefined,
      'content-length': undefined,
      connection: undefined,
      'transfer-encoding': undefined,
    });
    const answer = await fetch(`${upstream}${url}`, {
      method,
      headers: headers.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as [string, string]] : [])),
      ...(method === 'POST' ? { body } : {}),
    });
    const text = await answer.text();
    if (answer.status >= 400) process.stderr.write(`${name}: ${method} ${url} ${answer.status} ${text}\n`);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
    response.end(text);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = z.object({ port: z.number() }).parse(proxy.address() satisfies AddressInfo | string | null);
  const client = spawn(python, [join(here, 'check.py'), name, `http://127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: MAX_SECONDS_PER_CLIENT * 1000,
  });
  const [code] = await once(client, 'exit');
  proxy.close();
  proxy.closeAllConnections();
  return { passed: code === 0, requests };
}

/** Headers that a dialect reads. Keys and versions of clients are not recorded. */
function dialectHeaders(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && name.startsWith('anthropic-') ? [[name, value]] : [],
    ),
  );
}

/** Returns the Python of the cached environment, which it creates if the pinned requirements changed. */
async function install(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = process.env['CLIENTS_VENV'] || join(cache, 'budgetforce', 'python-clients');
  const program = join(folder, 'bin/python');
  const stamp = join(folder, 'requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return program;
  const count = wanted.trim().split('\n').length;
  process.stdout.write(`Installs ${count} Python packages into ${folder}: about 700 MB, 1 to 5 minutes.\n`);
  if (!values.yes) {
    if (!process.stdin.isTTY) {
      process.stderr.write('Nothing was installed. To install without a question: npm run check:clients -- --yes.\n');
      process.exit(1);
    }
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await terminal.question('Continue? [y/N] ');
    terminal.close();
    if (!/^y/i.test(answer)) process.exit(1);
  }
  command('python3', ['-m', 'venv', '--clear', folder]);
  command(program, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]);
  writeFileSync(stamp, wanted);
  return program;
}

function command(name: string, args: readonly string[]): void {
  const { status, error } = spawnSync(name, args, { stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} exited with ${status}.`);
}
