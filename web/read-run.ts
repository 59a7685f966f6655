import { createParser } from 'eventsource-parser';

/** An event of a run. */
export type RunEvent =
  | { readonly kind: 'text'; readonly part: 'thinking' | 'answer'; readonly text: string; readonly forced: boolean }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'error'; readonly message: string; readonly status: number };

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
  readonly events: readonly { readonly kind: string; readonly at: number }[];
}

/** The part of `usage` that a price needs. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string; readonly reasoning_content?: string; readonly forced?: boolean };
  }[];
  readonly budget_forcing?: Report;
  readonly usage?: Usage | null;
  readonly error?: { readonly message?: string };
}

/** Reads the events of a streamed chat completion. If the response is not a stream, gives an error with the API's own message. */
export async function* readRun(response: Response): AsyncGenerator<RunEvent> {
  if (!response.ok || response.body === null) {
    const text = await response.text();
    yield {
      kind: 'error',
      message: messageOf(text) ?? `The API answered ${response.status}.`,
      status: response.status,
    };
    return;
  }
  const events: RunEvent[] = [];
  const parser = createParser({
    onEvent: ({ data }) => events.push(...eventsOf(data)),
    onComment: (comment) => {
      if (comment.trim() !== 'keep-alive') events.push({ kind: 'note', text: comment.trim() });
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let reported = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parser.feed(value);
    for (const event of events.splice(0)) {
      reported ||= event.kind === 'report' || event.kind === 'error';
      yield event;
    }
  }
  if (!reported)
    yield { kind: 'error', message: 'The stream ended before the answer was complete.', status: response.status };
}

function eventsOf(data: string): readonly RunEvent[] {
  if (data === '[DONE]') return [];
  const chunk: Chunk = JSON.parse(data);
  if (chunk.error !== undefined)
    return [{ kind: 'error', message: chunk.error.message ?? 'The stream failed.', status: 200 }];
  const delta = chunk.choices?.[0]?.delta;
  const forced = delta?.forced === true;
  return [
    ...(delta?.reasoning_content
      ? [{ kind: 'text', part: 'thinking', text: delta.reasoning_content, forced } as const]
      : []),
    ...(delta?.content ? [{ kind: 'text', part: 'answer', text: delta.content, forced } as const] : []),
    ...(chunk.budget_forcing === undefined ? [] : [{ kind: 'report', report: chunk.budget_forcing } as const]),
    ...(chunk.usage == null ? [] : [{ kind: 'usage', usage: chunk.usage } as const]),
  ];
}

function messageOf(text: string): string | undefined {
  try {
    const body: Chunk = JSON.parse(text);
    return body.error?.message;
  } catch {
    return undefined;
  }
}
