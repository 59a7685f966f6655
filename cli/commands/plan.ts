import { loadConfig } from '../../lib/config.ts';
import { loadPrices } from '../../lib/facts/prices.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { TokensPerRequest } from '../../plan/plan.ts';
import { planAsMarkdown, planAsText } from '../../plan/render-plan.ts';
import type { PlannedTraffic } from '../../plan/traffic.ts';
import { defineCommand } from '../command.ts';
import { parseNumber, parsePrices } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';

const DEFAULT_CONFIG = 'config/s1-32b-one-h100.json';
const TRAFFIC = 'Traffic (estimates a month)';

/** `budgetforce plan`. */
export const planCommand = defineCommand({
  name: 'plan',
  description: `Shows what a config means before it is deployed: resources, quotas to request, dollars, memory, cold start. Needs no AWS account. Dollars and times are estimates. If no config is named, it is ${DEFAULT_CONFIG}.`,
  arguments: '[CONFIG.json]',
  options: {
    'requests-per-day': {
      type: 'string',
      placeholder: 'N',
      group: TRAFFIC,
      description: 'requests per day; if omitted, the plan has no month',
    },
    'prompt-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '500',
      group: TRAFFIC,
      description: 'prompt tokens per request',
    },
    'retrieval-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '0',
      group: TRAFFIC,
      description: 'tokens of passages per request, beside the prompt (docs/retrieval.md)',
    },
    'thinking-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '4000',
      group: TRAFFIC,
      description: 'thinking tokens per request',
    },
    'answer-tokens': {
      type: 'string',
      placeholder: 'N',
      default: '500',
      group: TRAFFIC,
      description: 'answer tokens per request',
    },
    'active-hours': {
      type: 'string',
      placeholder: 'N',
      default: '24',
      group: TRAFFIC,
      description: 'hours of the day with requests',
    },
    model: {
      type: 'string',
      placeholder: 'ID',
      defaultText: 'the first one',
      group: TRAFFIC,
      description: 'model that serves the requests',
    },
    against: {
      type: 'string',
      placeholder: 'IN,OUT',
      group: TRAFFIC,
      description:
        'dollars per million input and output tokens of another API: shows the traffic above which the deployment is cheaper',
    },
    prices: {
      type: 'string',
      placeholder: 'FILE.json',
      description: 'prices and assumptions that replace the built-in ones: see docs/deploying.md',
    },
    allow: {
      type: 'string',
      placeholder: 'CODES',
      description: "refusals to let through, as with cdk's --context allow=CODES",
    },
    json: { type: 'boolean', description: 'print the plan as JSON' },
    markdown: { type: 'boolean', description: 'print the plan as Markdown, for a pull request' },
  },
  exitCodes: ['planned', 'the config cannot be deployed or cannot be read'],
  async run({ values, positionals }) {
    const [path = DEFAULT_CONFIG, ...more] = positionals;
    if (more.length > 0) throw new UsageError(`plan takes one config, but got ${positionals.join(' ')}.`);
    if (values.json && values.markdown)
      throw new UsageError('--json and --markdown are two outputs. Give one of them.');
    const tokens = tokensPerRequest(values);
    const traffic = plannedTraffic(values, tokens);
    const config = loadConfig(path);
    const against =
      values.against === undefined
        ? undefined
        : { price: parsePrices('against', values.against), traffic: requestOf(values) };
    const created = createdBy(config, values.allow);
    const plan = makePlan(config, created, loadPrices(values.prices), traffic, values.model, against, tokens);
    process.stdout.write(
      values.json ? `${JSON.stringify(plan, null, 2)}\n` : values.markdown ? planAsMarkdown(plan) : planAsText(plan),
    );
    return 0;
  },
});

interface TrafficValues {
  readonly 'requests-per-day'?: string;
  readonly 'prompt-tokens': string;
  readonly 'retrieval-tokens': string;
  readonly 'thinking-tokens': string;
  readonly 'answer-tokens': string;
  readonly 'active-hours': string;
}

function plannedTraffic(values: TrafficValues, tokens: TokensPerRequest): PlannedTraffic | undefined {
  const requestsPerDay = values['requests-per-day'];
  if (requestsPerDay === undefined) return undefined;
  return {
    ...tokens,
    requestsPerDay: parseNumber('requests-per-day', requestsPerDay, { min: 1, max: 1e9 }),
    ...requestOf(values),
  };
}

/** The prompt of a request, with the passages that retrieval puts into it. */
function promptOf(values: TrafficValues): Pick<PlannedTraffic, 'promptTokens' | 'passageTokens'> {
  const prompt = parseNumber('prompt-tokens', values['prompt-tokens'], { min: 1, max: 1e7 });
  const passages = parseNumber('retrieval-tokens', values['retrieval-tokens'], { min: 0, max: 1e7 });
  return { promptTokens: prompt + passages, ...(passages === 0 ? {} : { passageTokens: passages }) };
}

/** Tokens of a request, and the hours with requests. */
function requestOf(values: TrafficValues): Omit<PlannedTraffic, 'requestsPerDay'> {
  return {
    ...promptOf(values),
    thinkingTokens: parseNumber('thinking-tokens', values['thinking-tokens'], { min: 0, max: 1e7 }),
    answerTokens: parseNumber('answer-tokens', values['answer-tokens'], { min: 1, max: 1e7 }),
    activeHours: parseNumber('active-hours', values['active-hours'], { min: 0.1, max: 24 }),
  };
}

function tokensPerRequest(values: TrafficValues): TokensPerRequest {
  return {
    ...promptOf(values),
    thinkingTokens: parseNumber('thinking-tokens', values['thinking-tokens'], { min: 0, max: 1e7 }),
    answerTokens: parseNumber('answer-tokens', values['answer-tokens'], { min: 1, max: 1e7 }),
  };
}
