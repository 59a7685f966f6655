import * as z from 'zod';

export const dialectNames = ['openai', 'anthropic'] as const;
export type DialectName = (typeof dialectNames)[number];

/** Tokens as the API charges them. */
export interface ChargedTokens {
  /** `undefined` if it has not come. */
  readonly input: number | undefined;
  /** Thinking included. `undefined` if it has not come. */
  readonly output: number | undefined;
  /** Thinking tokens, if the API tells them apart. */
  readonly thinking: number | undefined;
}

/** What came of an answer so far. */
export interface Gathered {
  readonly thought: string;
  readonly answer: string;
  readonly usage: ChargedTokens | undefined;
  /** Why the answer is incomplete. */
  readonly note: string | undefined;
  readonly started: boolean;
  readonly ended: boolean;
}

export const nothing: Gathered = {
  thought: '',
  answer: '',
  usage: undefined,
  note: undefined,
  started: false,
  ended: false,
};

/** The requests and answers of one kind of API. */
export interface Dialect {
  /** Path behind the base URL. */
  readonly path: string;
  headers(apiKey: string | undefined): Readonly<Record<string, string>>;
  body(model: string, prompt: string): Readonly<Record<string, unknown>>;
  /** Reads an answer that is not a stream. `undefined` if it is no answer. */
  whole(body: unknown): Gathered | undefined;
  /** Adds an event of a stream. Returns the message of an event that reports a failure. */
  add(gathered: Gathered, event: unknown): Gathered | string;
}

/** Largest answer, thinking included, that Anthropic's dialect asks for: the field is required there. */
const ANTHROPIC_MAX_TOKENS = 32_000;

const errorSchema = z.object({ error: z.object({ message: z.string() }) });

const openaiUsage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  completion_tokens_details: z.object({ reasoning_tokens: z.int().nullish() }).nullish(),
});
const openaiText = z.object({
  content: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  refusal: z.string().nullish(),
});
const openaiSchema = z.object({
  choices: z.array(
    z.object({ message: openaiText.optional(), delta: openaiText.optional(), finish_reason: z.string().nullish() }),
  ),
  usage: openaiUsage.nullish(),
});

/** OpenAI's chat completions, which most servers speak. */
const openai: Dialect = {
  path: '/chat/completions',
  headers: (apiKey) => (apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  body: (model, prompt) => ({
    model,
    messages: [{ role: 'user', content: prompt }],
    stream_options: { include_usage: true },
  }),
  whole(body) {
    const parsed = openaiSchema.safeParse(body);
    if (!parsed.success || parsed.data.choices.length === 0) return undefined;
    return { ...addOpenai(nothing, parsed.data), ended: true };
  },
  add(gathered, event) {
    const failed = errorSchema.safeParse(event);
    return failed.success ? failed.data.error.message : addOpenai(gathered, openaiSchema.parse(event));
  },
};

function addOpenai(gathered: Gathered, { choices: [choice], usage }: z.infer<typeof openaiSchema>): Gathered {
  const text = choice?.message ?? choice?.delta;
  const finish = choice?.finish_reason ?? undefined;
  return {
    thought: gathered.thought + (text?.reasoning_content ?? text?.reasoning ?? ''),
    answer: gathered.answer + (text?.content ?? ''),
    usage:
      usage == null
        ? gathered.usage
        : {
            input: usage.prompt_tokens,
            output: usage.completion_tokens,
            thinking: usage.completion_tokens_details?.reasoning_tokens ?? undefined,
          },
    note: text?.refusal != null ? 'The model refused.' : (incomplete(finish, 'stop') ?? gathered.note),
    started: gathered.started || choice !== undefined,
    ended: gathered.ended || finish !== undefined,
  };
}

const anthropicUsage = z.object({
  input_tokens: z.int().nullish(),
  cache_creation_input_tokens: z.int().nullish(),
  cache_read_input_tokens: z.int().nullish(),
  output_tokens: z.int().nullish(),
});
const anthropicMessage = z.object({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional(), thinking: z.string().optional() })),
  stop_reason: z.string().nullish(),
  usage: anthropicUsage.nullish(),
});
const anthropicEvent = z.object({
  type: z.string(),
  message: anthropicMessage.optional(),
  delta: z
    .looseObject({ text: z.string().optional(), thinking: z.string().optional(), stop_reason: z.string().nullish() })
    .optional(),
  usage: anthropicUsage.nullish(),
});

/** Anthropic's messages. Its output tokens include thinking and are not told apart. */
const anthropic: Dialect = {
  path: '/messages',
  headers: (apiKey) => ({
    'anthropic-version': '2023-06-01',
    ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
  }),
  body: (model, prompt) => ({
    model,
    messages: [{ role: 'user', content: prompt }],
    max_tokens: ANTHROPIC_MAX_TOKENS,
  }),
  whole(body) {
    const parsed = anthropicMessage.safeParse(body);
    return parsed.success ? { ...addMessage(nothing, parsed.data), ended: true } : undefined;
  },
  add(gathered, event) {
    const failed = errorSchema.safeParse(event);
    if (failed.success) return failed.data.error.message;
    const { type, message, delta, usage } = anthropicEvent.parse(event);
    const started = message === undefined ? gathered : addMessage(gathered, message);
    return {
      thought: started.thought + (delta?.thinking ?? ''),
      answer: started.answer + (delta?.text ?? ''),
      usage: addUsage(started.usage, usage),
      note: incomplete(delta?.stop_reason ?? undefined, 'end_turn', 'stop_sequence') ?? started.note,
      started: true,
      ended: started.ended || type === 'message_stop' || delta?.stop_reason != null,
    };
  },
};

function addMessage(gathered: Gathered, message: z.infer<typeof anthropicMessage>): Gathered {
  const all = (field: 'text' | 'thinking') => message.content.map((block) => block[field] ?? '').join('');
  return {
    thought: gathered.thought + all('thinking'),
    answer: gathered.answer + all('text'),
    usage: addUsage(gathered.usage, message.usage),
    note: incomplete(message.stop_reason ?? undefined, 'end_turn', 'stop_sequence'),
    started: true,
    ended: gathered.ended,
  };
}

/** Later counts of a stream replace earlier ones. */
function addUsage(
  before: ChargedTokens | undefined,
  usage: z.infer<typeof anthropicUsage> | null | undefined,
): ChargedTokens | undefined {
  if (usage == null) return before;
  const { input_tokens: plain, cache_creation_input_tokens: written, cache_read_input_tokens: read } = usage;
  const input = plain == null ? before?.input : plain + (written ?? 0) + (read ?? 0);
  const output = usage.output_tokens ?? before?.output;
  return { input, output, thinking: undefined };
}

function incomplete(reason: string | undefined, ...complete: readonly string[]): string | undefined {
  return reason === undefined || complete.includes(reason) ? undefined : `The answer ended by ${reason}.`;
}

export const dialects: Readonly<Record<DialectName, Dialect>> = { openai, anthropic };

/**
 * Separates a URL into a base and a dialect. A path that ends in `/messages` or `/chat/completions` names the dialect, as do a host of
 * Anthropic and a model called Claude; otherwise it is OpenAI's.
 *
 * @returns the base, which ends in `/v1` if the URL has no path
 */
export function detectDialect(url: string, model: string): { readonly url: string; readonly dialect: DialectName } {
  const { pathname, host, origin } = new URL(url);
  const path = pathname.replace(/\/+$/, '');
  const named = dialectNames.find((name) => path.endsWith(dialects[name].path));
  const base = named === undefined ? path : path.slice(0, -dialects[named].path.length);
  const dialect = named ?? (/(?:^|\.)anthropic\.com$/.test(host) || /^claude\b/i.test(model) ? 'anthropic' : 'openai');
  return { url: `${origin}${base === '' ? '/v1' : base}`, dialect };
}
