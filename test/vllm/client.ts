import type * as z from 'zod';
import { chatChunkSchema, chatCompletionSchema } from '../../lambda/apis/chat/response-schemas.ts';
import type { budgetForcingSchema } from '../../lambda/apis/response-schemas.ts';

export type Completion = z.infer<typeof chatCompletionSchema>;
export type Report = z.infer<typeof budgetForcingSchema>;

export interface Answer {
  readonly thought: string;
  readonly content: string;
  readonly finishReason: string;
  readonly report: Report;
  readonly usage: NonNullable<Completion['usage']>;
  readonly completion?: Completion;
}

/** Status and message of an error of the API, before or in the stream. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type ChatBody = Readonly<Record<string, unknown>>;

/** A client of the API. */
export class Client {
  readonly #url: string;
  readonly model: string;

  constructor(url: string, model: string) {
    this.#url = url;
    this.model = model;
  }

  /** Sends a chat; `stream: true` in the body collects the events of a stream. */
  async ask(question: string, body: ChatBody = {}): Promise<Answer> {
    if (body['stream'] === true) return await this.#collect(question, body);
    const completion = await this.complete(question, body);
    const [choice] = completion.choices;
    if (choice === undefined) throw new Error('The response has no choice.');
    return answerOf(
      choice.message.reasoning_content,
      choice.message.content ?? '',
      choice.finish_reason,
      completion.budget_forcing,
      completion.usage,
      completion,
    );
  }

  /** The whole response of a chat without streaming. */
  async complete(question: string, body: ChatBody = {}): Promise<Completion> {
    const response = await this.post(question, body);
    return chatCompletionSchema.parse(await response.json());
  }

  async #collect(question: string, body: ChatBody): Promise<Answer> {
    let thought = '';
    let content = '';
    let finishReason: string | undefined;
    let report: Report | undefined;
    let usage: Answer['usage'] | undefined;
    for await (const data of this.events(question, { ...body, stream_options: { include_usage: true } })) {
      const chunk = chatChunkSchema.parse(data);
      const [choice] = chunk.choices;
      thought += choice?.delta.reasoning_content ?? '';
      content += choice?.delta.content ?? '';
      finishReason = choice?.finish_reason ?? finishReason;
      report = chunk.budget_forcing ?? report;
      usage = chunk.usage ?? usage;
    }
    return answerOf(thought, content, finishReason, report, usage);
  }

  /** The events of a stream, parsed as JSON. Leaving the loop closes the connection. */
  async *events(question: string, body: ChatBody): AsyncGenerator<unknown> {
    const leave = new AbortController();
    try {
      const response = await this.post(question, { ...body, stream: true }, leave.signal);
      let rest = '';
      const utf8 = new TextDecoder();
      for await (const bytes of response.body ?? []) {
        rest += utf8.decode(bytes, { stream: true });
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
          const data: unknown = JSON.parse(line.slice(6));
          if (typeof data === 'object' && data !== null && 'error' in data) {
            throw new ApiError(200, JSON.stringify(data.error));
          }
          yield data;
        }
      }
    } finally {
      leave.abort();
    }
  }

  async post(question: string, body: ChatBody, signal?: AbortSignal): Promise<Response> {
    const send = async () =>
      await fetch(`${this.#url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: this.model,
          messages: [
            { role: 'system', content: 'You are a careful assistant.' },
            { role: 'user', content: question },
          ],
          ...body,
        }),
        ...(signal === undefined ? {} : { signal }),
      });
    // As published clients do: once more if the server closed an idle connection at this moment.
    const response = await send().catch(async (error: unknown) => {
      if (signal?.aborted === true || !(error instanceof TypeError)) throw error;
      return await send();
    });
    if (!response.ok) throw new ApiError(response.status, await response.text());
    return response;
  }
}

function answerOf(
  thought: string,
  content: string,
  finishReason: string | undefined,
  report: Report | undefined,
  usage: Answer['usage'] | undefined,
  completion?: Completion,
): Answer {
  if (finishReason === undefined || report === undefined || usage === undefined) {
    throw new Error('The response has no finish reason, no account or no usage.');
  }
  return { thought, content, finishReason, report, usage, ...(completion === undefined ? {} : { completion }) };
}
