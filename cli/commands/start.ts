import { existsSync, readFileSync } from 'node:fs';
import { jsonLog } from '../../lambda/compose.ts';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import { corsOriginSchema } from '../../lambda/settings/cors-origin.ts';
import { MAX_DAYS } from '../../lambda/settings/retention.ts';
import { defaultLocalCopies, LOCAL_COMPONENT_NAME, type LocalCopies } from '../../local/emulated-copies.ts';
import { autoRoute, type FurtherModel, missingFile, smallModel } from '../../local/further-models.ts';
import type { LocalFallback } from '../../local/local-fallbacks.ts';
import { LOCAL_ENDPOINT_NAME, type LocalOptions, type LocalServer, startLocal } from '../../local/start-local.ts';
import { defineCommand } from '../command.ts';
import { parseChoice, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { withDerivedFormat } from './derive-format-option.ts';
import { furtherModel, namedModels, parseRoutes } from './local-models-option.ts';

const COPIES = 'Simulated scaling';

const elasticChoices = ['asked', 'always', 'never'] as const satisfies readonly LocalCopies['elastic'][];

/** `budgetforce start`. */
export const startCommand = defineCommand({
  name: 'start',
  description: 'Serves the API and the playground on this machine, with the code that runs on Lambda.',
  options: {
    port: { type: 'string', placeholder: 'NUMBER', default: '8787', description: 'port; 0 is any free one' },
    host: {
      type: 'string',
      placeholder: 'ADDRESS',
      default: 'localhost',
      description: 'address to listen on; 0.0.0.0 admits other machines',
    },
    model: {
      type: 'string',
      multiple: true,
      placeholder: '[ID=]FILE.gguf',
      defaultText: 'the embedded models',
      description:
        'model to serve, under the name of its file if it has no ID; needs --format; may be repeated; FILE.calibration.json beside it is its calibration',
    },
    route: {
      type: 'string',
      multiple: true,
      placeholder: 'ID=SMALL,LARGE',
      description:
        'further model id, behind which the next model is asked if the one before is unsure (docs/routes.md); names ids of models; may be repeated',
    },
    'unsure-below': {
      type: 'string',
      placeholder: 'N',
      defaultText: "each model's calibration",
      description: 'confidence below which the routes ask their next model, from 0 to 1',
    },
    upstream: {
      type: 'string',
      placeholder: 'URL',
      description:
        "serve the model of this server of text completions with vLLM's fields, for instance http://localhost:8000/v1; needs --format",
    },
    container: {
      type: 'string',
      placeholder: 'URL',
      description:
        "serve the model of this container through a local SageMaker endpoint; the container keeps SageMaker's hosting contract (GET /ping, POST /invocations), for instance http://localhost:8080; needs --format",
    },
    'upstream-model': {
      type: 'string',
      placeholder: 'ID',
      defaultText: 'the first one',
      description: 'model of the upstream or the container',
    },
    'upstream-key': {
      type: 'string',
      placeholder: 'KEY',
      defaultText: 'the variable UPSTREAM_API_KEY',
      description: 'bearer key of the upstream',
    },
    fallback: {
      type: 'string',
      multiple: true,
      placeholder: 'URL',
      description:
        "go on at this server if the model's own fails (docs/reliability.md), for instance http://localhost:8788/v1; may be repeated; append #FILE for the tokenizer.json of another vocabulary",
    },
    'fallback-key': {
      type: 'string',
      placeholder: 'KEY',
      defaultText: 'the variable FALLBACK_API_KEY',
      description: 'bearer key of the fallbacks',
    },
    'hedge-ms': {
      type: 'string',
      placeholder: 'N',
      description: 'call the first fallback as well if the first token does not come within this time, in milliseconds',
    },
    format: {
      type: 'string',
      multiple: true,
      placeholder: '[ID=]NAME',
      description: `how the model delimits its thinking: auto (from its own chat template), ${formatNames.join(', ')}; with an ID, for the --model of this id only`,
    },
    tokenizer: {
      type: 'string',
      multiple: true,
      placeholder: '[ID=]FILE',
      defaultText: 'its server tokenizes',
      description: "the model's tokenizer.json; with several models, with the ID of its own",
    },
    alias: {
      type: 'string',
      multiple: true,
      placeholder: 'NAME=ID',
      description: 'further name of the model, for instance gpt-5=budgetforce-tiny; may be repeated',
    },
    context: {
      type: 'string',
      placeholder: 'TOKENS',
      defaultText: 'what the server reports, else 8192',
      description: 'context window of the upstream or the container, in tokens',
    },
    parallel: {
      type: 'string',
      placeholder: 'NUMBER',
      defaultText: '4',
      description: 'concurrent streams of the embedded engine',
    },
    copies: {
      type: 'string',
      placeholder: 'MIN..MAX',
      group: COPIES,
      description: 'simulate an endpoint that scales between these numbers of copies, for instance 0..3',
    },
    'start-seconds': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.startSeconds),
      description: 'start time of a copy, in seconds',
    },
    'copy-requests': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.requestsPerCopy),
      description: 'concurrent requests of a copy',
    },
    'token-ms': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.tokenMs),
      description: 'time per token of a request, in milliseconds',
    },
    'prompt-speed': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.promptSpeed),
      description: 'prompt tokens that a copy computes per second',
    },
    'prompt-chunk': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.promptChunk),
      description: 'prompt tokens of one step of a copy; one prompt fills at most half of it',
    },
    'scale-in-seconds': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.scaleInSeconds),
      description: 'delay before unneeded copies stop, in seconds',
    },
    'wait-seconds': {
      type: 'string',
      placeholder: 'N',
      group: COPIES,
      defaultText: String(defaultLocalCopies.waitSeconds),
      description: 'how long a request waits for the first copy, in seconds; 0 answers 503 at once',
    },
    elastic: {
      type: 'string',
      placeholder: 'WHICH',
      group: COPIES,
      defaultText: defaultLocalCopies.elastic,
      description: `requests whose thinking may shrink: ${elasticChoices.join(', ')}`,
    },
    'api-key': {
      type: 'string',
      placeholder: 'KEY',
      defaultText: 'the variable BUDGETFORCE_API_KEY',
      description: 'require this bearer key from clients',
    },
    'allow-host': {
      type: 'string',
      multiple: true,
      placeholder: 'NAME',
      description: 'without a key: further host name under which clients may address the server; may be repeated',
    },
    'allow-origin': {
      type: 'string',
      multiple: true,
      placeholder: 'ORIGIN',
      description:
        'origin of pages that may call the API, for instance https://app.example.com, beside those of this machine; may be repeated',
    },
    data: {
      type: 'string',
      placeholder: 'FOLDER',
      default: '.budgetforce/data',
      description: 'folder of keys, limits and usage; "none" stores nothing',
    },
    'responses-days': {
      type: 'string',
      placeholder: 'N',
      default: '30',
      description:
        'keep responses whose clients ask for it in the data folder for this time, in days (docs/background.md); 0 keeps none, and nothing runs in the background',
    },
    'feedback-days': {
      type: 'string',
      placeholder: 'N',
      default: '0',
      description:
        'keep conversations and feedback of keys with --store true in the data folder for this time, in days (docs/feedback.md); 0 keeps none',
    },
    'allow-local-webhooks': {
      type: 'boolean',
      description: 'send webhooks over http:// too, to this machine and to private networks (docs/webhooks.md)',
    },
    embeddings: {
      type: 'string',
      placeholder: 'FILE|URL',
      description:
        'find passages of documents by meaning, too: a GGUF embedding model, or a server with /embeddings (docs/retrieval.md)',
    },
    faults: {
      type: 'string',
      placeholder: 'FILE',
      description: 'play these faults of the embedded endpoint (docs/reliability.md); PUT /faults there changes them',
    },
    grace: {
      type: 'string',
      placeholder: 'SECONDS',
      default: '8',
      description:
        'how long running requests may take to finish after SIGTERM or Ctrl-C; their thinking is cut at once',
    },
    log: { type: 'boolean', description: 'write a JSON line for each request, never a prompt' },
    json: { type: 'boolean', description: 'print the URL and the model as one JSON line' },
  },
  exitCodes: ['stopped by Ctrl-C', 'could not start'],
  async run({ values }) {
    const graceSeconds = parseWholeNumber('grace', values.grace, { min: 0, max: 900 });
    const print = (line: string) => process.stderr.write(`${line}\n`);
    const [first, ...others] = namedModels(values);
    // Without --model, the server's model has the only values.
    const { format, tokenizer } = first ?? { format: values.format?.[0], tokenizer: values.tokenizer?.[0] };
    const { model: _model, format: _format, tokenizer: _tokenizer, ...rest } = values;
    const options = localOptions(
      await withDerivedFormat(
        {
          ...rest,
          ...(first === undefined ? {} : { model: first.model }),
          ...(format === undefined ? {} : { format }),
          ...(tokenizer === undefined ? {} : { tokenizer }),
        },
        print,
      ),
    );
    const further: FurtherModel[] = [];
    for (const named of others) further.push(await furtherModel(named, print));
    const routes = parseRoutes(values.route, values['unsure-below']);
    const embedded = [first, values.upstream, values.container].every((value) => value === undefined);
    const missing = embedded ? missingFile(smallModel) : undefined;
    const second = embedded && missing === undefined;
    const server = await startLocal({
      ...options,
      ...(first === undefined ? {} : { modelId: first.id }),
      furtherModels: second ? [smallModel] : further,
      routes: second && !routes.some(({ id }) => id === autoRoute.id) ? [autoRoute, ...routes] : routes,
    });
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ url: server.url, model: server.model.id })}\n`
        : banner(server, values['api-key'], missing) + faultsLine(server, values.faults),
    );
    await untilStopped();
    const running = server.running();
    if (running > 0) {
      process.stderr.write(
        `Stopping: ${running} running ${running === 1 ? 'request has' : 'requests have'} ${graceSeconds} s to finish. Press Ctrl-C again to stop now.\n`,
      );
    }
    endAtSecondSignal();
    await server.close({ graceMs: graceSeconds * 1_000 });
    return 0;
  },
});

interface ModelValues {
  readonly model?: string;
  readonly upstream?: string;
  readonly container?: string;
  readonly 'upstream-key'?: string;
  readonly context?: string;
  readonly format?: string;
  readonly tokenizer?: string;
}

interface CopiesValues {
  readonly copies?: string;
  readonly upstream?: string;
  readonly container?: string;
  readonly parallel?: string;
  readonly 'start-seconds'?: string;
  readonly 'copy-requests'?: string;
  readonly 'token-ms'?: string;
  readonly 'prompt-speed'?: string;
  readonly 'prompt-chunk'?: string;
  readonly 'scale-in-seconds'?: string;
  readonly 'wait-seconds'?: string;
  readonly elastic?: string;
}

interface StartValues extends ModelValues, CopiesValues {
  readonly port: string;
  readonly host: string;
  readonly data: string;
  readonly 'responses-days': string;
  readonly 'feedback-days': string;
  readonly embeddings?: string;
  readonly 'allow-local-webhooks'?: boolean;
  readonly alias?: readonly string[];
  readonly 'upstream-model'?: string;
  readonly 'upstream-key'?: string;
  readonly fallback?: readonly string[];
  readonly 'fallback-key'?: string;
  readonly 'hedge-ms'?: string;
  readonly 'api-key'?: string;
  readonly faults?: string;
  readonly 'allow-host'?: readonly string[];
  readonly 'allow-origin'?: readonly string[];
  readonly log?: boolean;
}

function localOptions(values: StartValues): LocalOptions {
  const { model, upstream, container, context, tokenizer, parallel, data } = values;
  const upstreamModel = values['upstream-model'];
  const upstreamKey = values['upstream-key'] ?? process.env['UPSTREAM_API_KEY'];
  const apiKey = values['api-key'] ?? process.env['BUDGETFORCE_API_KEY'];
  const format = checkModel(values);
  const copies = localCopies(values);
  return {
    port: parseWholeNumber('port', values.port, { min: 0, max: 65_535 }),
    host: values.host,
    ...(model === undefined ? {} : { modelPath: model }),
    ...(upstream === undefined ? {} : { upstream }),
    ...(container === undefined ? {} : { container }),
    ...(context === undefined
      ? {}
      : { contextTokens: parseWholeNumber('context', context, { min: 128, max: 10_000_000 }) }),
    ...(upstreamModel === undefined ? {} : { upstreamModel }),
    ...(upstreamKey === undefined ? {} : { upstreamKey }),
    ...(format === undefined ? {} : { format }),
    ...(tokenizer === undefined ? {} : { tokenizerPath: tokenizer }),
    ...(parallel === undefined ? {} : { parallel: parseWholeNumber('parallel', parallel, { min: 1, max: 64 }) }),
    ...(copies === undefined ? {} : { copies }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(values.alias === undefined ? {} : { aliases: parseAliases(values.alias) }),
    ...(values.faults === undefined ? {} : { faults: readFaults(values.faults, upstream) }),
    ...fallbackOptions(values),
    ...(values['allow-host'] === undefined ? {} : { allowedHosts: values['allow-host'].map(parseHostName) }),
    ...(values['allow-origin'] === undefined ? {} : { allowedOrigins: values['allow-origin'].map(parseOrigin) }),
    ...(data === 'none' ? {} : { dataFolder: data }),
    responsesDays: parseWholeNumber('responses-days', values['responses-days'], { min: 0, max: MAX_DAYS }),
    feedbackDays: parseFeedbackDays(values['feedback-days'], data),
    ...(values.embeddings === undefined ? {} : { embeddings: parseEmbeddings(values.embeddings, data) }),
    ...(values['allow-local-webhooks'] ? { allowLocalWebhooks: true } : {}),
    ...(values.log ? { log: jsonLog } : {}),
  };
}

function parseEmbeddings(value: string, data: string): string {
  if (data === 'none')
    throw new UsageError('--embeddings needs a folder for passages. Give --data FOLDER, or omit one of them.');
  if (/^https?:\/\//.test(value) || value.endsWith('.gguf')) return value;
  throw new UsageError(`--embeddings is ${JSON.stringify(value)}. Give a GGUF file, or a URL that ends in /v1.`);
}

function parseFeedbackDays(value: string, data: string): number {
  const days = parseWholeNumber('feedback-days', value, { min: 0, max: MAX_DAYS });
  if (days > 0 && data === 'none')
    throw new UsageError('--feedback-days needs a folder for what it keeps. Give --data FOLDER, or omit one of them.');
  return days;
}

function fallbackOptions(values: StartValues): Pick<LocalOptions, 'fallbacks' | 'hedgeAfterMs'> {
  const hedge = values['hedge-ms'];
  if (values.fallback === undefined) {
    const lone = (['hedge-ms', 'fallback-key'] as const).find((name) => values[name] !== undefined);
    if (lone !== undefined)
      throw new UsageError(`--${lone} needs --fallback, for instance --fallback http://localhost:8788/v1.`);
    return {};
  }
  const key = values['fallback-key'] ?? process.env['FALLBACK_API_KEY'];
  return {
    fallbacks: values.fallback.map((value) => ({ ...parseFallback(value), ...(key === undefined ? {} : { key }) })),
    ...(hedge === undefined ? {} : { hedgeAfterMs: parseWholeNumber('hedge-ms', hedge, { min: 1, max: 600_000 }) }),
  };
}

function parseFallback(value: string): LocalFallback {
  const [, baseUrl = '', tokenizerPath] = /^([^#]*)(?:#(.+))?$/.exec(value) ?? [];
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol)) {
    throw new UsageError(`--fallback is ${JSON.stringify(value)}. Give a URL such as http://localhost:8788/v1.`);
  }
  if (tokenizerPath !== undefined && !existsSync(tokenizerPath))
    throw new UsageError(`There is no file ${tokenizerPath}.`);
  return { baseUrl, ...(tokenizerPath === undefined ? {} : { tokenizerPath }) };
}

function readFaults(path: string, upstream: string | undefined): string {
  if (upstream !== undefined)
    throw new UsageError('--faults is for the embedded endpoint. Omit --upstream or --faults.');
  if (!existsSync(path)) throw new UsageError(`There is no file ${path}.`);
  return readFileSync(path, 'utf8');
}

function parseHostName(value: string): string {
  if (/^[a-z0-9_.-]+$/i.test(value)) return value;
  throw new UsageError(
    `--allow-host is ${JSON.stringify(value)}. Write a name without a port, such as laptop.example.com.`,
  );
}

function parseOrigin(value: string): string {
  const { success } = corsOriginSchema.safeParse(value);
  if (success) return value;
  throw new UsageError(
    `--allow-origin is ${JSON.stringify(value)}. Write a scheme, a host and a port if it has one, such as https://app.example.com or http://localhost:*.`,
  );
}

function parseAliases(values: readonly string[]): Readonly<Record<string, string>> {
  const pairs = values.map((value) => {
    const [, alias, id] = /^([^=]+)=(.+)$/.exec(value) ?? [];
    if (alias === undefined || id === undefined) {
      throw new UsageError(`--alias is ${JSON.stringify(value)}. Write NAME=ID, for instance gpt-5=budgetforce-tiny.`);
    }
    return [alias, id] as const;
  });
  return Object.fromEntries(pairs);
}

/** The format of the model, checked against the other options that describe it. */
function checkModel(values: ModelValues): FormatName | undefined {
  const { format: name, model, tokenizer } = values;
  const format = name === undefined ? undefined : parseChoice('format', name, formatNames);
  const sources = (['model', 'upstream', 'container'] as const).filter((option) => values[option] !== undefined);
  const [source, second] = sources;
  if (source !== undefined && second !== undefined)
    throw new UsageError(`--${source} and --${second} both name a model. Give one of them.`);
  if (source !== undefined && format === undefined) {
    throw new UsageError(
      `--format is missing. Give the way this model delimits its thinking: auto (from its own chat template), ${formatNames.join(', ')}.`,
    );
  }
  if (source === undefined && format !== undefined && format !== 's1') {
    throw new UsageError('The embedded model has format s1. Give --format with --model, --upstream or --container.');
  }
  for (const path of [model, tokenizer]) {
    if (path !== undefined && !existsSync(path)) throw new UsageError(`There is no file ${path}.`);
  }
  checkServer(values);
  return format;
}

function checkServer({ upstream, container, context, 'upstream-key': key }: ModelValues): void {
  if (upstream !== undefined && !URL.canParse(upstream)) {
    throw new UsageError(`--upstream is ${JSON.stringify(upstream)}. Give a URL such as http://localhost:8000/v1.`);
  }
  if (container !== undefined && !URL.canParse(container)) {
    throw new UsageError(`--container is ${JSON.stringify(container)}. Give a URL such as http://localhost:8080.`);
  }
  if (container !== undefined && /\/v1\/*$/.test(container)) {
    throw new UsageError(
      `--container is ${JSON.stringify(container)}, but a SageMaker container has /ping and /invocations at its root. Omit /v1, or give --upstream.`,
    );
  }
  if (container !== undefined && key !== undefined) {
    throw new UsageError('--upstream-key is for --upstream: SageMaker calls a container without a key.');
  }
  if (context !== undefined && (upstream ?? container) === undefined) {
    throw new UsageError('--context is the window of a server. Give --upstream or --container with it, or omit it.');
  }
}

const copiesOptions = [
  'start-seconds',
  'copy-requests',
  'token-ms',
  'prompt-speed',
  'prompt-chunk',
  'scale-in-seconds',
  'wait-seconds',
  'elastic',
] as const;

function localCopies(values: CopiesValues): LocalCopies | undefined {
  const { copies: range, elastic } = values;
  if (range === undefined) {
    const lone = copiesOptions.find((name) => values[name] !== undefined);
    if (lone !== undefined) throw new UsageError(`--${lone} needs --copies, for instance --copies 0..3.`);
    return undefined;
  }
  for (const option of ['upstream', 'container'] as const) {
    if (values[option] !== undefined)
      throw new UsageError(`--copies is for the embedded endpoint. Omit --${option} or --copies.`);
  }
  if (values.parallel !== undefined)
    throw new UsageError('--parallel does not go with --copies. Give --copy-requests instead.');
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(range) ?? [];
  if (min === undefined || max === undefined || Number(min) > Number(max) || Number(max) < 1 || Number(max) > 8) {
    throw new UsageError(`--copies is ${JSON.stringify(range)}. Write a range of at most 8 copies, such as 0..3.`);
  }
  const number = (name: Exclude<(typeof copiesOptions)[number], 'elastic'>, value: number, from: number, to: number) =>
    parseWholeNumber(name, values[name] ?? String(value), { min: from, max: to });
  return {
    min: Number(min),
    max: Number(max),
    startSeconds: number('start-seconds', defaultLocalCopies.startSeconds, 0, 3_600),
    requestsPerCopy: number('copy-requests', defaultLocalCopies.requestsPerCopy, 1, 16),
    tokenMs: number('token-ms', defaultLocalCopies.tokenMs, 0, 1_000),
    promptSpeed: number('prompt-speed', defaultLocalCopies.promptSpeed, 1, 1_000_000),
    promptChunk: number('prompt-chunk', defaultLocalCopies.promptChunk, 2, 1_000_000),
    scaleInSeconds: number('scale-in-seconds', defaultLocalCopies.scaleInSeconds, 0, 86_400),
    waitSeconds: number('wait-seconds', defaultLocalCopies.waitSeconds, 0, 900),
    elastic: elastic === undefined ? defaultLocalCopies.elastic : parseChoice('elastic', elastic, elasticChoices),
  };
}

function banner(
  { url, model, endpoint, offered }: LocalServer,
  apiKey: string | undefined,
  missing: string | undefined,
): string {
  const others = offered.slice(1);
  const more =
    others.length > 0
      ? `\n  also     ${others.join(', ')}`
      : missing === undefined
        ? ''
        : `\n  without  ${smallModel.id} and ${autoRoute.id}: there is no file ${missing}`;
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
  model    ${model.id} (format ${model.format}, window ${model.contextTokens} tokens, up to ${model.maxThinkingTokens} of thinking)${more}
  API      ${url}/v1   (set the base_url of any OpenAI client to it)
${endpointLine(endpoint)}
Try it:
curl ${url}/v1/chat/completions${key} \\
  -H "Content-Type: application/json" \\
  -d '${body}'

Press Ctrl-C to stop.
`;
}

/** Where clients of SageMaker reach the model itself (docs/harnesses.md). */
function endpointLine(endpoint: LocalServer['endpoint']): string {
  if (endpoint === undefined) return '';
  return `  endpoint ${endpoint.url}   (SageMaker: endpoint ${LOCAL_ENDPOINT_NAME}, component ${LOCAL_COMPONENT_NAME})\n`;
}

function faultsLine({ endpoint }: LocalServer, faults: string | undefined): string {
  if (faults === undefined || endpoint === undefined) return '';
  return `Faults of ${faults} are played. Others: curl -X PUT ${endpoint.url}/faults -d '{"next": [{"breakAfterChunks": 5}]}'\n`;
}

/** Time within which two signals are one Ctrl-C: the terminal sends it to the process, and so does npm. In milliseconds. */
const ONE_SIGNAL_MS = 500;

function endAtSecondSignal(): void {
  const first = performance.now();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (performance.now() - first > ONE_SIGNAL_MS) process.exit(130);
    });
  }
}

/** How often the process looks whether npm has ended, in milliseconds. */
const PARENT_CHECK_MS = 250;

async function untilStopped(): Promise<void> {
  const parent = process.ppid;
  let checking: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    // npm passes SIGTERM to its shell only, which ends without passing it on.
    if (process.env['npm_lifecycle_event'] === undefined) return;
    checking = setInterval(() => {
      if (process.ppid !== parent) resolve();
    }, PARENT_CHECK_MS);
  });
  clearInterval(checking);
}
