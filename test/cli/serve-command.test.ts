import { readdirSync } from 'node:fs';
import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { serveCommandCommand } from '../../cli/commands/serve-command.ts';
import { type HostedConfig, hostedPart, loadConfig } from '../../lib/config.ts';
import { EndpointStack } from '../../lib/endpoint/stack.ts';
import { anExampleApp } from '../lib/synthesize.ts';

async function printed(...argv: string[]): Promise<string> {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    expect(await serveCommandCommand.run(argv)).toBe(0);
  } finally {
    write.mockRestore();
  }
  return text;
}

const modelSchema = z.object({
  Properties: z.looseObject({
    PrimaryContainer: z.looseObject({ Environment: z.record(z.string(), z.unknown()), Image: z.unknown() }),
  }),
});

/** Environments of the containers in the template of a config. */
function deployedEnvironments(config: HostedConfig): readonly Readonly<Record<string, unknown>>[] {
  const stack: Stack = new EndpointStack(anExampleApp(), 'Stack', { config, env: { region: config.region } });
  return Object.values(Template.fromStack(stack).findResources('AWS::SageMaker::Model')).map(
    (model) => modelSchema.parse(model).Properties.PrimaryContainer.Environment,
  );
}

describe('budgetforce serve-command', () => {
  it.each(readdirSync('config').filter((name) => name.endsWith('.json')))(
    'it prints the environment that %s deploys',
    async (name) => {
      const file = `config/${name}`;
      const config = hostedPart(loadConfig(file));
      if (config === undefined) {
        await expect(serveCommandCommand.run([file])).rejects.toThrow(`${file} deploys no model server`);
        return;
      }
      for (const [index, environment] of deployedEnvironments(config).entries()) {
        const text = await printed(file, '--model', config.models[index]?.id ?? '');
        for (const [variable, value] of Object.entries(environment)) {
          expect(text.replaceAll("'", '')).toContain(`-e ${variable}=${value}`);
        }
      }
    },
  );

  it('it prints vllm serve with the accelerations of the config', async () => {
    expect(await printed('config/qwen3-l40s.json')).toContain('--quantization fp8');
  });

  it('it lists the models if the config has no such model', async () => {
    await expect(serveCommandCommand.run(['config/qwen3-l40s.json', '--model', 'x'])).rejects.toThrow(
      'The config has no model "x". Choose one of: qwen3-14b, qwen3-4b.',
    );
  });

  it('it asks for a config', async () => {
    await expect(serveCommandCommand.run([])).rejects.toThrow('serve-command takes one config');
  });
});
