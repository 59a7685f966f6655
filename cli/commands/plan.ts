import { parseArgs } from 'node:util';
import { loadConfig } from '../../lib/config.ts';
import { loadPrices } from '../../lib/facts/prices.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { planAsMarkdown, planAsText } from '../../plan/render-plan.ts';
import type { PlannedTraffic } from '../../plan/traffic.ts';
import type { Command } from '../command.ts';

const DEFAULT_CONFIG = 'config/s1-32b.json';

const help = `Usage: budgetforce plan [CONFIG.json] [options]

What a config means before it is deployed: what is created, quotas to ask for, dollars, memory, cold start. Needs no AWS
account. Dollars and times are estimates. The config is ${DEFAULT_CONFIG} where none is named.

Options:
  --requests-per-day N    estimate a month at this traffic
  --prompt-tokens N       of a request (500)
  --thinking-tokens N     of a request (4000)
  --answer-tokens N       of a request (500)
  --active-hours N        hours of a day in which requests come (24)
  --model ID              the model that they are for (the first one)
  --prices FILE.json      prices and assumptions over the built-in ones, see docs/deploying.md
  --allow CODES           refusals that are let through, as cdk's --context allow=CODES
  --json                  the plan as JSON
  --markdown              the plan as Markdown, for a pull request
  --help                  this text

Exit codes: 0 planned, 1 the config cannot work or cannot be read, 2 wrong usage.
`;

/** `budgetforce plan`. */
export const planCommand: Command = {
  name: 'plan',
  summary: 'say what a deployment creates, costs and needs',
  help,
  async run(argv) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        'requests-per-day': { type: 'string' },
        'prompt-tokens': { type: 'string', default: '500' },
        'thinking-tokens': { type: 'string', default: '4000' },
        'answer-tokens': { type: 'string', default: '500' },
        'active-hours': { type: 'string', default: '24' },
        model: { type: 'string' },
        prices: { type: 'string' },
        allow: { type: 'string' },
        json: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new UsageError(`plan takes one config, but got ${positionals.join(' ')}.`);
    if (values.json && values.markdown)
      throw new UsageError('--json and --markdown are two outputs: write one of them.');
    const traffic = trafficOf(values);
    const config = loadConfig(positionals[0] ?? DEFAULT_CONFIG);
    const plan = makePlan(config, createdBy(config, values.allow), loadPrices(values.prices), traffic, values.model);
    process.stdout.write(
      values.json ? `${JSON.stringify(plan, null, 2)}\n` : values.markdown ? planAsMarkdown(plan) : planAsText(plan),
    );
    return 0;
  },
};

/** Makes the command line exit with 2. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

function trafficOf(values: Readonly<Record<string, string | boolean | undefined>>): PlannedTraffic | undefined {
  const number = (option: string, { min, max }: { readonly min: number; readonly max: number }) => {
    const value = Number(values[option]);
    if (value >= min && value <= max) return value;
    throw new UsageError(`--${option} is ${JSON.stringify(values[option])}, but takes a number from ${min} to ${max}.`);
  };
  if (values['requests-per-day'] === undefined) return undefined;
  return {
    requestsPerDay: number('requests-per-day', { min: 1, max: 1e9 }),
    promptTokens: number('prompt-tokens', { min: 1, max: 1e7 }),
    thinkingTokens: number('thinking-tokens', { min: 0, max: 1e7 }),
    answerTokens: number('answer-tokens', { min: 1, max: 1e7 }),
    activeHours: number('active-hours', { min: 0.1, max: 24 }),
  };
}
