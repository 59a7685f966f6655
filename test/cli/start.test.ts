import { describe, expect, it } from 'vitest';
import { startCommand } from '../../cli/commands/start.ts';

const container = ['--container', 'http://localhost:8080', '--format', 's1'];

describe('budgetforce start --feedback-days', () => {
  it.each([
    [['--feedback-days', '30', '--data', 'none'], 'Give --data FOLDER, or omit one of them.'],
    [['--feedback-days', 'ten'], 'It must be a whole number from 0 to 3650.'],
  ])('%s is refused with what to write', async (argv, message) => {
    await expect(startCommand.run(argv)).rejects.toThrow(message);
  });
});

describe('budgetforce start --container', () => {
  it.each([
    [['--container', 'http://localhost:8080'], '--format is missing.'],
    [['--container', 'localhost', '--format', 's1'], 'Give a URL such as http://localhost:8080.'],
    [['--container', 'http://localhost:8000/v1', '--format', 's1'], 'Omit /v1, or give --upstream.'],
    [[...container, '--upstream', 'http://localhost:8000/v1'], '--upstream and --container both name a model.'],
    [[...container, '--upstream-key', 'k'], '--upstream-key is for --upstream'],
    [[...container, '--copies', '0..2'], 'Omit --container or --copies.'],
    [[...container, '--context', '12'], '--context is "12". It must be a whole number from 128 to 10000000.'],
    [['--context', '4096'], 'Give --upstream or --container with it, or omit it.'],
    [['--format', 'qwen3'], 'Give --format with --model, --upstream or --container.'],
  ])('%s is refused with what to write', async (argv, message) => {
    await expect(startCommand.run(argv)).rejects.toThrow(message);
  });
});
