import type { Command } from '../cli/command.ts';

/** The commands, each loaded only when it is called. */
const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>> = {
  start: {
    summary: 'serve the API and the playground on this machine',
    load: async () => (await import('../cli/commands/start.ts')).startCommand,
  },
  keys: {
    summary: 'make, list, limit, rotate and revoke keys',
    load: async () => (await import('../cli/commands/keys.ts')).keysCommand,
  },
  eval: {
    summary: 'measure accuracy against thinking budgets',
    load: async () => (await import('../cli/commands/eval.ts')).evalCommand,
  },
  plan: {
    summary: 'say what a deployment creates, costs and needs',
    load: async () => (await import('../cli/commands/plan.ts')).planCommand,
  },
  simulate: {
    summary: 'compare scaling policies on recorded traffic',
    load: async () => (await import('../cli/commands/simulate.ts')).simulateCommand,
  },
  scaling: {
    summary: 'show and change how copies scale',
    load: async () => (await import('../cli/commands/scaling.ts')).scalingCommand,
  },
  load: {
    summary: 'drive a burst of requests, and show what becomes of their budgets',
    load: async () => (await import('../cli/commands/load.ts')).loadCommand,
  },
};

const HELP = `Usage: budgetforce COMMAND [options]

Thinking as a budget: an OpenAI-compatible API with exact test-time budget forcing.

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

budgetforce COMMAND --help tells more. Exit codes: 0 done, 1 failed, 2 wrong usage.
`;

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return name === undefined ? 2 : 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    process.stderr.write(
      `There is no command ${JSON.stringify(name)}. There are: ${Object.keys(commands).join(', ')}.\n`,
    );
    return 2;
  }
  const command = await loadOr(name, entry.load);
  if (command === undefined) return 1;
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    process.stderr.write(`budgetforce ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return isUsage(error) ? 2 : 1;
  }
}

/** A package that a command needs, and that a CDK app which installs this one has no use for, is named. */
async function loadOr(name: string, load: () => Promise<Command>): Promise<Command | undefined> {
  try {
    return await load();
  } catch (error) {
    const [, missing] = /^Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : '') ?? [];
    if (missing === undefined) throw error;
    process.stderr.write(`budgetforce ${name} needs the package ${missing}: npm install ${missing}\n`);
    return undefined;
  }
}

function isUsage(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'UsageError' || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
  );
}

process.exitCode = await main(process.argv.slice(2));
