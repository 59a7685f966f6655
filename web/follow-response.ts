import { createParser } from 'eventsource-parser';
import { errorOf, type Report, type RunEvent } from './read-run.ts';

/** The part of a response of `/v1/responses` that the page needs. */
export interface StoredRun {
  readonly id: string;
  readonly status: 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';
  readonly error: { readonly message: string } | null;
  /** Why it does not run at the moment. */
  readonly waiting?: { readonly message: string };
  readonly budget_forcing?: Report;
  readonly usage: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly output_tokens_details: { readonly reasoning_tokens: number };
  } | null;
}

interface ResponseEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly delta?: string;
  readonly forced?: boolean;
  readonly annotation?: { readonly index: number };
  readonly response?: StoredRun;
}

interface FollowOptions {
  /** URL of the response. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Gets the bodies as they come. */
  readonly onText: (text: string) => void;
}

const RETRY_MS = 1_000;
/** Connections that bring nothing, one after the other, before the page gives up. */
const MAX_EMPTY = 10;

/** Whether a run changes no more. */
export function hasEnded({ status }: StoredRun): boolean {
  return status !== 'queued' && status !== 'in_progress';
}

/**
 * The events of a response in the background, from its first one on, until it ends. A connection that breaks is opened again where it broke,
 * by sequence numbers.
 */
export async function* followResponse({ url, headers, signal, onText }: FollowOptions): AsyncGenerator<RunEvent> {
  let last = -1;
  let answer = '';
  for (let empty = 0; empty < MAX_EMPTY; empty++) {
    const response = await fetch(`${url}?stream=true&starting_after=${last}`, { headers, signal }).catch(
      () => undefined,
    );
    signal.throwIfAborted();
    if (response?.ok === false) {
      const { status } = response;
      yield { kind: 'error', ...errorOf(await response.text(), status), status };
      return;
    }
    if (response?.body != null) {
      for await (const event of eventsOf(response.body, onText)) {
        empty = 0;
        last = event.sequence_number;
        if (event.type === 'response.output_text.delta') answer += event.delta ?? '';
        yield* runEvents(event, answer);
        if (event.response !== undefined && hasEnded(event.response)) return;
      }
    }
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  yield { kind: 'error', message: 'The API cannot be reached. The run goes on: open it again later.', status: 0 };
}

async function* eventsOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onText: (text: string) => void,
): AsyncGenerator<ResponseEvent> {
  const events: ResponseEvent[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data !== '[DONE]') events.push(JSON.parse(data));
    },
  });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    // A connection that breaks ends like one that is closed.
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }) as const);
    if (done || value === undefined) return;
    onText(value);
    parser.feed(value);
    yield* events.splice(0);
  }
}

/** What an event is on the page. `answer`: the text so far. */
function* runEvents(
  { type, delta = '', forced = false, annotation, response }: ResponseEvent,
  answer: string,
): Generator<RunEvent> {
  if (type === 'response.reasoning_text.delta') yield { kind: 'text', part: 'thinking', text: delta, forced };
  if (type === 'response.output_text.delta') yield { kind: 'text', part: 'answer', text: delta, forced };
  if (annotation !== undefined) {
    const start = annotation.index;
    yield { kind: 'citations', places: [{ start, end: answer.indexOf(']', start) + 1 }] };
  }
  if (response === undefined) return;
  const { usage, error, budget_forcing: report, status } = response;
  if (status === 'queued') yield { kind: 'note', text: 'Queued.' };
  if (status === 'cancelled') yield { kind: 'note', text: 'Cancelled.' };
  if (error !== null) yield { kind: 'error', message: error.message, status: 200 };
  if (report !== undefined) yield { kind: 'report', report };
  if (usage !== null) {
    const { input_tokens, output_tokens, output_tokens_details: details } = usage;
    yield {
      kind: 'usage',
      usage: { prompt_tokens: input_tokens, completion_tokens: output_tokens, completion_tokens_details: details },
    };
  }
}
