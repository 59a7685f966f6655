import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commands } from '../../../cli/commands/index.ts';
import { commandsOf } from '../../train/laptop.ts';

/** Commands of the page, one a line: continued lines are joined. */
const lines = [...readFileSync('docs/fine-tuning.md', 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
  .filter((line) => line.startsWith('npx budgetforce '));

describe('docs/fine-tuning.md', () => {
  it('has the commands that npm run check:train runs', async () => {
    expect(await commandsOf('On a laptop')).toHaveLength(3);
    expect(lines.length).toBeGreaterThan(10);
  });

  it.each(lines)('%s: the command has these actions and options', async (line) => {
    const [name, ...rest] = line.replace('npx budgetforce ', '').split(/\s+/);
    const command = commands.find((entry) => entry.name === name);
    const help = (await command?.load())?.help ?? '';
    for (const option of rest.filter((word) => word.startsWith('--')))
      expect(help).toMatch(new RegExp(`^ {2}${option}\\b`, 'm'));
    if (name === 'train') expect(help).toMatch(new RegExp(`^ {2}${rest[0]}\\b`, 'm'));
  });
});
