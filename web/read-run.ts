import { createParser } from 'eventsource-parser';

/** The header of a response that is stored. */
const STORE_HEADER = 'x-budgetforce-store';

/** An event of a run. */
export type RunEvent =
  | { readonly kind: 'text'; readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'report'; readonly report: Report }
  /** Usage so far, and of the whole at the end. */
  | { readonly kind: 'usage'; readonly usage: Usage }
  /** Probabilities of the next thinking tokens, 0 to 1. `null`: forced. */
  | { readonly kind: 'probabilities'; readonly tokens: readonly (number | null)[] }
  | { readonly kind: 'vote'; readonly vote: VoteState }
  /** Where the answer cites a passage: places of the mark, in UTF-16 code units. */
  | { readonly kind: 'citations'; readonly places: readonly { readonly start: number; readonly end: number }[] }
  /** At the end of an answer that is complete, and stored under this id. */
  | { readonly kind: 'stored'; readonly id: string }
  /** `param`: the field of the request that caused it. */
  | { readonly kind: 'error'; readonly message: string; readonly status: number; readonly param?: string | undefined };

/** The part of `budget_forcing` that the page shows. */
export interface Report {
  readonly thinking_tokens: number;
  readonly answer_tokens: number;
  readonly forced_tokens: number;
  readonly waits: number;
  readonly segments: number;
  readonly end_reason: string | null;
  readonly minimum_missed: string | null;
  readonly limits: { readonly min_tokens: number; readonly max_tokens: number };
  readonly events: readonly { readonly kind: string; readonly at: number; readonly value?: number }[];
  readonly confidence?: { readonly measure: string; readonly value: number };
  readonly gates_off?: string;
  readonly probes?: { readonly count: number; readonly tokens: number };
  readonly vote?: VoteAccount;
  readonly attempts?: readonly Attempt[];
  readonly retrieval?: Retrieval;
  readonly route?: { readonly id: string; readonly answered_by: string; readonly kept_because?: string };
}

/** Votes so far. */
export interface VoteState {
  readonly finished: number;
  readonly of: number;
  readonly counts: readonly { readonly answer: string; readonly votes: number }[];
}

/** How a vote was decided. */
export interface VoteAccount {
  readonly requested: number;
  readonly finished: number;
  readonly aborted: number;
  readonly decided_by: string;
}

/** The passages that the model read. */
export interface Retrieval {
  readonly tokens: number;
  readonly left_out: number;
  readonly failure?: string;
  readonly passages: readonly {
    readonly id: string;
    readonly filename: string;
    readonly score: number;
    readonly tokens: number;
  }[];
}

/** A model that ran for the answer. */
export interface Attempt {
  readonly model: string;
  readonly reason: string;
  readonly usage: { readonly completion_tokens: number };
  readonly confidence?: number;
  readonly failure?: string;
}

/** The part of `usage` that prices and counts need. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number };
}

interface Annotation {
  readonly url_citation: { readonly start_index: number; readonly end_index: number };
}

interface Chunk {
  readonly id?: string;
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: string;
      readonly reasoning_content?: string;
      readonly forced?: boolean;
      readonly annotations?: readonly Annotation[];
    };
    readonly logprobs?: { readonly reasoning_content?: readonly { readonly logprob: number | null }[] } | null;
  }[];
  readonly vote?: VoteState;
  readonly budget_forcing?: Report;
  readonly usage?: Usage | null;
  readonly error?: { readonly message?: string; readonly param?: string | null };
}

/**
 * Reads the events of a streamed chat completion. If the response is not a stream, gives an error with the API's own message.
 * `onText` gets the body as it comes.
 */
export async function* readRun(response: Response, onText: (text: string) => void): AsyncGenerator<RunEvent> {
  if (!response.ok || response.body === null) {
    const text = await response.text();
    onText(text);
    yield { kind: 'error', ...errorOf(text, response.status), status: response.status };
    return;
  }
  const events: RunEvent[] = [];
  let id: string | undefined;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]') return;
      const chunk: Chunk = JSON.parse(data);
      id ??= chunk.id;
      events.push(...eventsOf(chunk));
    },
    onComment: (comment) => {
      if (comment.trim() !== 'keep-alive') events.push({ kind: 'note', text: comment.trim() });
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let end: 'report' | 'error' | undefined;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    onText(value);
    parser.feed(value);
    for (const event of events.splice(0)) {
      if (event.kind === 'report' || event.kind === 'error') end = event.kind;
      yield event;
    }
  }
  if (end === 'report' && id !== undefined && response.headers.get(STORE_HEADER) === 'true')
    yield { kind: 'stored', id };
  if (end === undefined)
    yield { kind: 'error', message: 'The stream ended before the answer was complete.', status: response.status };
}

function eventsOf(chunk: Chunk): readonly RunEvent[] {
  if (chunk.error !== undefined)
    return [
      {
        kind: 'error',
        message: chunk.error.message ?? 'The stream failed.',
        status: 200,
        param: chunk.error.param ?? undefined,
      },
    ];
  const [choice] = chunk.choices ?? [];
  const probabilities = choice?.logprobs?.reasoning_content?.map(({ logprob }) =>
    logprob === null ? null : Math.exp(logprob),
  );
  const delta = choice?.delta;
  const forced = delta?.forced === true;
  return [
    ...(chunk.vote === undefined ? [] : [{ kind: 'vote', vote: chunk.vote } as const]),
    ...(probabilities === undefined ? [] : [{ kind: 'probabilities', tokens: probabilities } as const]),
    ...(delta?.reasoning_content
      ? [{ kind: 'text', part: 'thinking', text: delta.reasoning_content, forced } as const]
      : []),
    ...(delta?.content ? [{ kind: 'text', part: 'answer', text: delta.content, forced } as const] : []),
    ...(delta?.annotations === undefined
      ? []
      : [
          {
            kind: 'citations',
            places: delta.annotations.map(({ url_citation: at }) => ({ start: at.start_index, end: at.end_index })),
          } as const,
        ]),
    ...(chunk.budget_forcing === undefined ? [] : [{ kind: 'report', report: chunk.budget_forcing } as const]),
    ...(chunk.usage == null ? [] : [{ kind: 'usage', usage: chunk.usage } as const]),
  ];
}

/** The API's own message, and the field that caused it. */
export function errorOf(
  text: string,
  status: number,
): { readonly message: string; readonly param?: string | undefined } {
  try {
    const { error }: Chunk = JSON.parse(text);
    if (error?.message !== undefined) return { message: error.message, param: error.param ?? undefined };
  } catch {
    // A body that is not JSON is of a proxy, not of the API.
  }
  return { message: `The API answered ${status}.` };
}
