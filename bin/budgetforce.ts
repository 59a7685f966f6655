import { existsSync, readFileSync } from 'node:fs';
import type { Command } from '../cli/command.ts';
import { commands } from '../cli/commands/index.ts';

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const entry = commands.find((known) => known.name === name);
  if (entry === undefined) {
    const known = commands.map((each) => each.name).join(', ');
    process.stderr.write(`There is no command ${JSON.stringify(name)}. There are: ${known}.\n`);
    return 2;
  }
  const command = await loadCommand(name, entry.load);
  if (command === undefined) return 1;
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    const missing = missingPackage(error);
    if (missing !== undefined) {
      process.stderr.write(`budgetforce ${name} needs the package ${missing}: npm install ${missing}\n`);
      return 1;
    }
    process.stderr.write(`budgetforce ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return isUsage(error) ? 2 : 1;
  }
}

/** The version in package.json, which is beside `bin/` in the repository and beside `dist/` in the package. */
function version(): string {
  const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find(existsSync);
  const found: unknown = file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8')).version;
  return typeof found === 'string' ? found : 'unknown';
}

function overview(): string {
  const longest = Math.max(...commands.map(({ name }) => name.length));
  return `Usage: budgetforce COMMAND [options]

Thinking as a budget: an OpenAI-compatible API with exact test-time budget forcing.

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`).join('\n')}

budgetforce COMMAND --help shows the options of a command, budgetforce --version the version.

Exit codes: 0 done, 1 failed, 2 wrong usage.
`;
}

/** Loads a command. An app that installs this package for its constructs may lack a package of a command: it is named. */
async function loadCommand(name: string, load: () => Promise<Command>): Promise<Command | undefined> {
  try {
    return await load();
  } catch (error) {
    const missing = missingPackage(error);
    if (missing === undefined) throw error;
    process.stderr.write(`budgetforce ${name} needs the package ${missing}: npm install ${missing}\n`);
    return undefined;
  }
}

/** The package that an import did not find. */
function missingPackage(error: unknown): string | undefined {
  return /^Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : '')?.[1];
}

function isUsage(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'UsageError' || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
  );
}

process.exitCode = await main(process.argv.slice(2));
