/**
 * Contributors' check: all outside judges, one after the other (`npm run check:others`). Prints a line for each, and fails if one fails.
 * What they need is installed once, into the user's cache.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const judges = {
  'check:harnesses': 'inspect-ai, lm-eval, guidellm, aiperf',
  'check:clients': 'published Python clients',
  'check:conformance': 'schemathesis: the API against its own OpenAPI document',
  'check:fuzz': 'schemathesis: requests of every shape',
  'check:compat': 'compatcanary: OpenAI’s shapes',
  'check:comply': 'llm-comply: OpenAI’s and Anthropic’s schemas',
  'check:graders': 'math-verify',
  'check:emulator': 'moto',
  'check:ministack': 'ministack: DynamoDB',
  'check:templates': 'cfn-lint',
  'check:policies': 'CloudFormation Guard with Control Tower’s controls',
  'check:package': 'publint',
  'check:runtime': 'AWS’s runtime interface client',
  'check:train': 'TRL and PyTorch',
  'check:preferences': 'TRL: from votes to a better model',
  'check:vllm': 'vLLM',
} as const;

/** Options that keep a judge from asking, or from running for hours. */
const options: Readonly<Partial<Record<keyof typeof judges, readonly string[]>>> = {
  'check:fuzz': ['--requests', '5000'],
  'check:graders': ['--yes'],
  'check:vllm': ['--yes', '--requests', '100'],
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    without: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(
    [
      'npm run check:others -- [--only NAMES] [--without NAMES]',
      '',
      'Names, with commas between them:',
      ...Object.entries(judges).map(([name, what]) => `  ${name.slice('check:'.length).padEnd(12)} ${what}`),
    ].join('\n'),
  );
  process.exit(0);
}
const names = Object.keys(judges) as (keyof typeof judges)[];
const listed = (text: string) => text.split(',').filter((name) => name !== '');
const unknown = [...listed(values.only ?? ''), ...listed(values.without)].filter(
  (name) => !names.some((known) => known === `check:${name}`),
);
if (unknown.length > 0) {
  console.error(`There is no check of the name ${unknown.join(', ')}. npm run check:others -- --help lists them.`);
  process.exit(2);
}
const chosen = names.filter((name) => {
  const short = name.slice('check:'.length);
  return (values.only === undefined || listed(values.only).includes(short)) && !listed(values.without).includes(short);
});

const results = chosen.map((name) => {
  console.log(`\n== ${name}: ${judges[name]}`);
  const started = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', name, '--', ...(options[name] ?? [])], { stdio: 'inherit' });
  return { name, passed: status === 0, minutes: (performance.now() - started) / 60_000 };
});
console.log('');
for (const { name, passed, minutes } of results)
  console.log(`${passed ? 'passed' : 'FAILED'}  ${name.padEnd(18)} ${minutes.toFixed(1)} min`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
