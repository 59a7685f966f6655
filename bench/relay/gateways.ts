import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { pythonTool } from '../../test/python-tool.ts';
import { freePort, startProgram, untilServed } from './processes.ts';

/** A running gateway before the model server. */
export interface Gateway {
  readonly url: string;
  /** The process whose time and memory count. */
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly close: () => void;
}

const here = import.meta.dirname;
const root = join(here, '../..');
export const TOKENIZER = join(root, 'local/model/tokenizer.json');
const PORTKEY = { '@portkey-ai/gateway': '1.15.2', hono: '4.9.7', '@hono/node-server': '1.13.7' };
const messages = [{ role: 'user', content: 'Say a.' }];
/** No thought: each token of the model server is one of the answer, so all gateways pass on the same stream. */
const unthinking = { model: 'fake', messages, thinking: { max_tokens: 0 } };

/** Starts a gateway before the model server on a port. */
type Start = (port: number) => Promise<Gateway>;

export const gateways = {
  /** Not a gateway: the model server itself. */
  direct: async (port) => ({
    url: `http://127.0.0.1:${port}`,
    pid: process.pid,
    headers: {},
    body: { model: 'fake', messages },
    close: () => {},
  }),
  pipe: async (port) => {
    const { child, answer } = await startProgram(join(here, 'pipe.ts'), [String(port)]);
    return started(child, `http://127.0.0.1:${answer}`, { model: 'fake', messages });
  },
  budgetforce: async (port) => {
    const options = ['--upstream', `http://127.0.0.1:${port}/v1`, '--format', 's1', '--tokenizer', TOKENIZER];
    const { child, answer } = await startProgram(join(root, 'bin/budgetforce.ts'), [
      ...['start', '--port', '0', '--data', 'none', '--json', '--upstream-model', 'fake', '--context', '131072'],
      ...options,
    ]);
    return started(child, z.object({ url: z.string() }).parse(JSON.parse(answer)).url, unthinking);
  },
  'budgetforce, SageMaker': async (port) => {
    const endpoint = await startProgram(join(here, 'endpoint.ts'), [`http://127.0.0.1:${port}`]);
    const { child, answer } = await startProgram(join(here, 'sagemaker-gateway.ts'), [TOKENIZER], {
      ...{ AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.answer, AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' },
    });
    const gateway = started(child, `http://127.0.0.1:${answer}`, unthinking);
    return {
      ...gateway,
      close: () => {
        gateway.close();
        endpoint.child.kill();
      },
    };
  },
  portkey: async (port) => {
    const folder = await install('portkey', PORTKEY);
    const own = await freePort();
    const program = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
    const child = spawn(process.execPath, [program, `--port=${own}`, '--headless'], {
      env: { ...process.env, TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://127.0.0.1:${own}`;
    await untilServed(url, child);
    const headers = {
      ...{ 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `http://127.0.0.1:${port}/v1` },
      authorization: 'Bearer none',
    };
    return { ...started(child, url, { model: 'fake', messages }), headers };
  },
  litellm: async (port) => {
    const bin = await pythonTool('litellm', join(here, 'requirements.txt'));
    const folder = await mkdtemp(join(tmpdir(), 'budgetforce-relay-'));
    const config = join(folder, 'config.yaml');
    await writeFile(
      config,
      [
        'model_list:',
        '  - model_name: fake',
        '    litellm_params:',
        '      model: openai/fake',
        `      api_base: http://127.0.0.1:${port}/v1`,
        '      api_key: none',
        '',
      ].join('\n'),
    );
    const own = await freePort();
    const child = spawn(join(bin, 'litellm'), ['--config', config, '--port', String(own), '--host', '127.0.0.1'], {
      env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR' },
      stdio: 'ignore',
    });
    const url = `http://127.0.0.1:${own}`;
    await untilServed(`${url}/health/liveliness`, child);
    return started(child, url, { model: 'fake', messages });
  },
} satisfies Readonly<Record<string, Start>>;
export type GatewayName = keyof typeof gateways;

function started(child: ChildProcess, url: string, body: Gateway['body']): Gateway {
  const { pid } = child;
  if (pid === undefined) throw new Error(`The program of ${url} has not started.`);
  return { url, pid, headers: {}, body, close: () => child.kill() };
}

/** Installs pinned packages of npm into the user's cache, once. Returns their folder. */
async function install(name: string, pins: Readonly<Record<string, string>>): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const versions = Object.values(pins).join('-');
  const folder = join(cache, 'budgetforce', `${name}-${versions}`);
  if (existsSync(join(folder, 'node_modules/.package-lock.json'))) return folder;
  await mkdir(folder, { recursive: true });
  const { '@portkey-ai/gateway': gateway, ...overrides } = pins;
  const dependencies = { '@portkey-ai/gateway': gateway, ...overrides };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--silent'], {
    cwd: folder,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm install in ${folder} failed. It needs a registry once.`);
  return folder;
}
