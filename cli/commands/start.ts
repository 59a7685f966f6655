import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { jsonLog } from '../../lambda/compose.ts';
import { formatNames } from '../../lambda/forcing/format.ts';
import { defaultLocalCopies, type LocalCopies } from '../../local/emulated-copies.ts';
import { type LocalOptions, type LocalServer, startLocal } from '../../local/start-local.ts';
import { UsageError } from '../usage-error.ts';

const HELP = `Usage: budgetforce start [options]

Serves the API and the playground on this machine, by the code that runs on Lambda.

Options:
  --port NUMBER         where to listen (default 8787; 0 is any free port)
  --host ADDRESS        on which address (default localhost; 0.0.0.0 lets other machines in)
  --model FILE.gguf     serve this model instead of the embedded one; needs --format
  --upstream URL        serve the model of this server of text completions with vLLM's fields,
                        for instance http://localhost:8000/v1; needs --format
  --upstream-model ID   which of the upstream's models (default: its first)
  --upstream-key KEY    bearer key of the upstream (or the variable UPSTREAM_API_KEY)
  --format NAME         how the model writes its thinking: ${formatNames.join(', ')}
  --tokenizer FILE      the model's tokenizer.json (default: its server tokenizes)
  --parallel NUMBER     streams that the embedded engine runs at once (default 4)
  --copies MIN..MAX     play an endpoint with so many copies, which take time to start, for instance 0..3
  --start-seconds N     how long a copy takes to start (default ${defaultLocalCopies.startSeconds})
  --copy-requests N     requests that one copy runs at once (default ${defaultLocalCopies.requestsPerCopy})
  --token-ms N          between two tokens of a request (default ${defaultLocalCopies.tokenMs})
  --scale-in-seconds N  copies go when fewer were enough for so long (default ${defaultLocalCopies.scaleInSeconds})
  --wait-seconds N      how long a request waits for the first copy; 0 answers 503 (default ${defaultLocalCopies.waitSeconds})
  --elastic WHOSE       whose thinking may shrink: asked, always, never (default ${defaultLocalCopies.elastic})
  --api-key KEY         ask clients for this bearer key (or the variable BUDGETFORCE_API_KEY)
  --data FOLDER         where keys, limits and usage are kept (default .budgetforce/data; "none" keeps nothing)
  --log                 write a JSON line for each request (never a prompt)
  --json                print where it listens as one JSON line
  --help                this text

Exit codes: 0 stopped by Ctrl-C, 1 could not start, 2 wrong options.
`;

export const startCommand = {
  name: 'start',
  summary: 'serve the API and the playground on this machine',
  help: HELP,
  async run(argv: readonly string[]): Promise<number> {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string', default: '8787' },
        host: { type: 'string', default: 'localhost' },
        model: { type: 'string' },
        upstream: { type: 'string' },
        'upstream-model': { type: 'string' },
        'upstream-key': { type: 'string' },
        format: { type: 'string' },
        tokenizer: { type: 'string' },
        parallel: { type: 'string' },
        copies: { type: 'string' },
        'start-seconds': { type: 'string' },
        'copy-requests': { type: 'string' },
        'token-ms': { type: 'string' },
        'scale-in-seconds': { type: 'string' },
        'wait-seconds': { type: 'string' },
        elastic: { type: 'string' },
        'api-key': { type: 'string' },
        data: { type: 'string', default: '.budgetforce/data' },
        log: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const server = await startLocal(toOptions(values));
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ url: server.url, model: server.model.id })}\n`
        : banner(server, values['api-key']),
    );
    await stopped();
    await server.close();
    return 0;
  },
};

type Values = Readonly<Record<string, string | boolean | undefined>>;

function toOptions(values: Values): LocalOptions {
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const modelPath = text('model');
  const upstream = text('upstream');
  const tokenizerPath = text('tokenizer');
  const format = formatNames.find((name) => name === text('format'));
  if (text('format') !== undefined && format === undefined) {
    throw new UsageError(`--format is ${JSON.stringify(text('format'))}. It must be one of ${formatNames.join(', ')}.`);
  }
  if (modelPath !== undefined && upstream !== undefined)
    throw new UsageError('--model and --upstream both name a model. Give one of them.');
  if ((modelPath ?? upstream) !== undefined && format === undefined) {
    throw new UsageError(`Say with --format how this model writes its thinking: ${formatNames.join(', ')}.`);
  }
  if (modelPath === undefined && upstream === undefined && format !== undefined && format !== 's1') {
    throw new UsageError('The embedded model writes format s1. --format goes with --model or --upstream.');
  }
  for (const path of [modelPath, tokenizerPath]) {
    if (path !== undefined && !existsSync(path)) throw new UsageError(`There is no file ${path}.`);
  }
  if (upstream !== undefined && !URL.canParse(upstream)) {
    throw new UsageError(`--upstream is ${JSON.stringify(upstream)}. Give a URL such as http://localhost:8000/v1.`);
  }
  const upstreamModel = text('upstream-model');
  const upstreamKey = text('upstream-key') ?? process.env['UPSTREAM_API_KEY'];
  const apiKey = text('api-key') ?? process.env['BUDGETFORCE_API_KEY'];
  const parallel = text('parallel');
  const copies = copiesOf(text, upstream);
  const dataFolder = text('data');
  return {
    port: wholeNumber('--port', text('port') ?? '', 0, 65_535),
    host: text('host') ?? 'localhost',
    ...(modelPath === undefined ? {} : { modelPath }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(upstreamModel === undefined ? {} : { upstreamModel }),
    ...(upstreamKey === undefined ? {} : { upstreamKey }),
    ...(format === undefined ? {} : { format }),
    ...(tokenizerPath === undefined ? {} : { tokenizerPath }),
    ...(parallel === undefined ? {} : { parallel: wholeNumber('--parallel', parallel, 1, 64) }),
    ...(copies === undefined ? {} : { copies }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(dataFolder === undefined || dataFolder === 'none' ? {} : { dataFolder }),
    ...(values['log'] === true ? { log: jsonLog } : {}),
  };
}

const copyOptions = ['start-seconds', 'copy-requests', 'token-ms', 'scale-in-seconds', 'wait-seconds', 'elastic'];

function copiesOf(text: (name: string) => string | undefined, upstream: string | undefined): LocalCopies | undefined {
  const range = text('copies');
  const lone = copyOptions.find((name) => text(name) !== undefined);
  if (range === undefined && lone !== undefined)
    throw new UsageError(`--${lone} goes with --copies. Write --copies 0..3.`);
  if (range === undefined) return undefined;
  if (upstream !== undefined)
    throw new UsageError('--copies are played by the embedded endpoint. Leave --upstream out.');
  if (text('parallel') !== undefined) throw new UsageError('--parallel and --copies differ. Give --copy-requests.');
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(range) ?? [];
  if (min === undefined || max === undefined || Number(min) > Number(max) || Number(max) < 1 || Number(max) > 8) {
    throw new UsageError(`--copies is ${JSON.stringify(range)}. Write a range of at most 8 copies, such as 0..3.`);
  }
  const whole = (name: string, value: number, from: number, to: number) =>
    wholeNumber(`--${name}`, text(name) ?? String(value), from, to);
  const whose = text('elastic') ?? defaultLocalCopies.elastic;
  const elastic = (['asked', 'always', 'never'] as const).find((known) => known === whose);
  if (elastic === undefined) {
    throw new UsageError(`--elastic is ${JSON.stringify(whose)}. It must be one of asked, always, never.`);
  }
  return {
    min: Number(min),
    max: Number(max),
    startSeconds: whole('start-seconds', defaultLocalCopies.startSeconds, 0, 3_600),
    requestsPerCopy: whole('copy-requests', defaultLocalCopies.requestsPerCopy, 1, 16),
    tokenMs: whole('token-ms', defaultLocalCopies.tokenMs, 0, 1_000),
    scaleInSeconds: whole('scale-in-seconds', defaultLocalCopies.scaleInSeconds, 0, 86_400),
    waitSeconds: whole('wait-seconds', defaultLocalCopies.waitSeconds, 0, 900),
    elastic,
  };
}

function wholeNumber(name: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new UsageError(`${name} is ${JSON.stringify(text)}. It must be a whole number from ${from} to ${to}.`);
}

function banner({ url, model }: LocalServer, apiKey: string | undefined): string {
  const key = apiKey === undefined ? '' : ` \\\n  -H "Authorization: Bearer ${apiKey}"`;
  const body = JSON.stringify({
    model: model.id,
    messages: [
      {
        role: 'user',
        content: 'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?',
      },
    ],
    thinking: { waits: 1 },
  });
  return `
Budgetforce listens on ${url}
  model    ${model.id} (format ${model.format}, window ${model.contextTokens} tokens, up to ${model.maxThinkingTokens} of thinking)
  API      ${url}/v1   (any OpenAI client: set base_url to it)

Try it:
curl ${url}/v1/chat/completions${key} \\
  -H "Content-Type: application/json" \\
  -d '${body}'

Ctrl-C stops it.
`;
}

function stopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}
