import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { defineCommand, findAction } from '../../cli/command.ts';
import { commands } from '../../cli/commands/index.ts';
import { parseBoolean, parseChoice, parseNumber, parseNumberList, parseWholeNumber } from '../../cli/option-values.ts';

const bin = new URL('../../bin/budgetforce.ts', import.meta.url).pathname;

/** Names of the files that a run of the command line loads, relative to the repository. */
function loadedFiles(...argv: readonly string[]): readonly string[] {
  const recorder = `
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        if (url.startsWith('file:')) console.error(url.slice(${JSON.stringify(new URL('../../', import.meta.url).href)}.length));
        return next(url, context);
      },
    });`;
  const hooks = `data:text/javascript,${encodeURIComponent(recorder)}`;
  const { stderr } = spawnSync(process.execPath, ['--import', hooks, bin, ...argv], { encoding: 'utf8' });
  return stderr.trim().split('\n');
}

describe('budgetforce --help', () => {
  it('lists each command with its summary', () => {
    const { stdout, status } = spawnSync(process.execPath, [bin, '--help'], { encoding: 'utf8' });
    expect(status).toBe(0);
    for (const { name, summary } of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary}$`, 'm'));
  });

  it('loads no command and no room outside cli', () => {
    expect(loadedFiles('--help')).toEqual(['bin/budgetforce.ts', 'cli/commands/index.ts']);
  });
});

describe.each(commands)('budgetforce $name --help', ({ name, load }) => {
  it('comes from the command of this name', async () => {
    expect((await load()).name).toBe(name);
  });

  it('aligns its descriptions and fits a terminal', async () => {
    const { help } = await load();
    expect(help).toMatch(new RegExp(`^Usage: budgetforce ${name} .*\\[options\\]\n`));
    expect(help).toMatch(/^ {2}--help {2,}print this text$/m);
    expect(help).toMatch(/^Exit codes: 0 .*, 1 .*, 2 wrong usage\.$/m);
    expect(help.split('\n').filter((line) => line.length > 100)).toEqual([]);
    const columns = [...help.matchAll(/^( {2}\S.*? {2,})\S/gm)].map(([, term]) => term?.length);
    expect(columns.length).toBeGreaterThan(3);
    expect(new Set(columns).size).toBe(1);
  });

  it('shows only options that the command takes', async () => {
    const { help, run } = await load();
    const options = [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, option]) => option);
    expect(new Set(options).size).toBe(options.length);
    // An unknown option is refused before the command runs, so the unknown one is named and none of the known ones.
    for (const option of options.filter((known) => known !== 'help'))
      await expect(run([`--${option}`, '--unknown'])).rejects.not.toThrow(`Unknown option '--${option}'`);
    await expect(run(['--unknown'])).rejects.toThrow("Unknown option '--unknown'");
  });
});

describe('A command', () => {
  const command = defineCommand({
    name: 'greet',
    description: 'Greets.',
    options: {
      name: { type: 'string', placeholder: 'NAME', default: 'you', description: 'name to greet' },
      times: { type: 'string', placeholder: 'N', defaultText: 'once', group: 'Volume', description: 'greetings' },
      tag: { type: 'string', multiple: true, placeholder: 'TAG', description: 'repeatable' },
      loud: { type: 'boolean', description: 'in capitals' },
    },
    note: 'A note.',
    exitCodes: ['greeted', 'failed'],
    run: async ({ values }) => (values.name === 'you' && values.tag?.length === 2 && values.loud === undefined ? 0 : 1),
  });

  it('declares each option once, for the parser and for the help text', async () => {
    expect(command.help).toBe(`Usage: budgetforce greet [options]

Greets.

Options:
  --name NAME  name to greet (default: you)
  --tag TAG    repeatable
  --loud       in capitals
  --help       print this text

Volume:
  --times N    greetings (default: once)

A note.

Exit codes: 0 greeted, 1 failed, 2 wrong usage.
`);
    expect(await command.run(['--tag', 'a', '--tag', 'b'])).toBe(0);
    expect(await command.run(['--loud', '--tag', 'a', '--tag', 'b'])).toBe(1);
  });

  it('without arguments in its declaration takes options only', async () => {
    await expect(command.run(['extra'])).rejects.toThrow("Unexpected argument 'extra'");
  });

  it('finds its actions by name only', () => {
    const actions = { show: { arguments: [], summary: 'show it' }, set: { arguments: ['N'], summary: 'set it' } };
    expect(findAction(actions, 'set')).toBe(actions.set);
    expect(() => findAction(actions, 'toString')).toThrow('There is no action "toString". There are: show, set.');
    expect(() => findAction(actions, undefined)).toThrow('The action is missing. Write one of: show, set.');
  });
});

describe('An option value', () => {
  const range = { min: 1, max: 9 };

  it.each([
    ['1', 1],
    ['9', 9],
    ['2.5', 2.5],
    ['1e0', 1],
  ])('%j is the number %d', (text, value) => {
    expect(parseNumber('n', text, range)).toBe(value);
  });

  it.each(['', ' ', 'x', '0.9', '9.1', 'NaN', 'Infinity', '1,2'])('%j is no number from 1 to 9', (text) => {
    expect(() => parseNumber('n', text, range)).toThrow(
      `--n is ${JSON.stringify(text)}. It must be a number from 1 to 9.`,
    );
  });

  it.each(['', '2.5', '10', '-1', 'x'])('%j is no whole number from 1 to 9', (text) => {
    expect(() => parseWholeNumber('n', text, range)).toThrow(
      `--n is ${JSON.stringify(text)}. It must be a whole number from 1 to 9.`,
    );
  });

  it('has no upper bound if the range has none', () => {
    expect(parseWholeNumber('n', '123456789', { min: 0 })).toBe(123_456_789);
    expect(() => parseWholeNumber('n', '-1', { min: 0 })).toThrow('It must be a whole number of at least 0.');
    expect(() => parseWholeNumber('n', 'Infinity', { min: 0 })).toThrow('of at least 0.');
  });

  it('is a list of whole numbers, sorted and without duplicates', () => {
    expect(parseNumberList('n', '32, 0,16,0')).toEqual([0, 16, 32]);
    expect(parseNumberList('n', 'none')).toEqual([]);
    expect(() => parseNumberList('n', '1,,2')).toThrow('Give whole numbers with commas, such as 0,16,32.');
    expect(() => parseNumberList('n', '-1')).toThrow('Give whole numbers with commas');
  });

  it('is one of several choices', () => {
    expect(parseChoice('n', 'b', ['a', 'b'])).toBe('b');
    expect(() => parseChoice('n', 'c', ['a', 'b'])).toThrow('--n is "c". It must be one of a, b.');
  });

  it('is true or false', () => {
    expect([parseBoolean('n', 'true'), parseBoolean('n', 'false')]).toEqual([true, false]);
    expect(() => parseBoolean('n', 'yes')).toThrow('--n is "yes". It must be true or false.');
  });
});
