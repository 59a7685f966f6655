import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { dockerCommand, serveArguments, vllmCommand } from '../../../lib/serving/serve-command.ts';

const container = {
  environment: {
    HF_HOME: '/tmp/huggingface',
    VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'true',
    SM_VLLM_SERVED_MODEL_NAME: "it's a model",
    SM_VLLM_ENABLE_PREFIX_CACHING: 'true',
    SM_VLLM_ENFORCE_EAGER: 'false',
    SM_VLLM_SPECULATIVE_CONFIG: '{"method":"ngram"}',
  },
  secretNames: ['HF_TOKEN'],
  weightsFolder: '/my weights',
  port: 8081,
};

describe('serveArguments', () => {
  it('a variable becomes a flag as the image makes it: true is a bare flag, false is ignored', () => {
    expect(serveArguments(container.environment)).toEqual([
      ...['serve', '/opt/ml/model', '--served-model-name', "it's a model", '--enable-prefix-caching'],
      ...['--speculative-config', '{"method":"ngram"}'],
    ]);
  });

  it('the model is the one of the hub, unless a folder is given', () => {
    const environment = { SM_VLLM_MODEL: 'simplescaling/s1-32B', SM_VLLM_REVISION: 'main' };
    expect(serveArguments(environment)).toEqual(['serve', 'simplescaling/s1-32B', '--revision', 'main']);
    expect(serveArguments(environment, '/weights')[1]).toBe('/weights');
  });
});

describe('the printed commands', () => {
  /** The words that a shell makes of a command, of which `program` is replaced by a function that prints them. */
  async function wordsOf(program: string, command: string): Promise<readonly string[]> {
    const script = `${program}() { printf '%s\\n' "$@" "$HF_TOKEN" "$VLLM_ALLOW_RUNTIME_LORA_UPDATING"; }\n${command}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', script], { env: { HF_TOKEN: 'secret' } });
    return stdout.trimEnd().split('\n');
  }

  it('vllm serve is called with the flags of the environment, through a shell', async () => {
    const words = await wordsOf('vllm', vllmCommand(container));
    const flags = serveArguments(container.environment, '/my weights');
    expect(words).toEqual([...flags, '--port', '8081', 'secret', 'true']);
  });

  it('docker run has the whole environment, the weights where SageMaker mounts them, and takes secrets from the shell', async () => {
    const words = await wordsOf('docker', dockerCommand('registry/vllm:tag', 2, container));
    expect(words.filter((_, index) => words[index - 1] === '-e')).toEqual([
      'HF_TOKEN',
      ...Object.entries(container.environment).map(([name, value]) => `${name}=${value}`),
    ]);
    expect(words).toEqual(expect.arrayContaining(['run', '--gpus', '2', '8081:8080', '/my weights:/opt/ml/model:ro']));
    expect(words).toContain('registry/vllm:tag');
    expect(words.join(' ')).not.toContain('HF_TOKEN=');
  });
});
