/** A text completion or one of its chunks, as `completionChunks` and `wholeCompletion` make them. */
interface TextCompletion {
  readonly id?: unknown;
  readonly choices?: unknown;
  readonly usage?: unknown;
  readonly [field: string]: unknown;
}

interface TextLogprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
}

interface TextChoice {
  readonly text: string;
  readonly logprobs: TextLogprobs | null;
  readonly [field: string]: unknown;
}

/** A text completion as vLLM's chat completion: without a reasoning parser, all text is content. */
export function toChatCompletion(completion: TextCompletion) {
  return {
    ...completion,
    id: chatId(completion),
    object: 'chat.completion',
    choices: choicesOf(completion).map(({ text, logprobs, ...choice }) => ({
      ...choice,
      message: { role: 'assistant', content: text, tool_calls: [] },
      logprobs: toChatLogprobs(logprobs),
    })),
  };
}

/** The chunks of a streamed chat completion. The first has the role, as vLLM's. */
export async function* toChatChunks(
  chunks: AsyncIterable<TextCompletion>,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let begun = false;
  for await (const chunk of chunks) {
    const { usage, ...rest } = chunk;
    const shared = { ...rest, id: chatId(chunk), object: 'chat.completion.chunk' };
    if (!begun) {
      begun = true;
      yield {
        ...shared,
        choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
      };
    }
    yield {
      ...shared,
      ...(usage === undefined ? {} : { usage }),
      choices: choicesOf(chunk).map(({ text, logprobs, ...choice }) => ({
        ...choice,
        delta: { content: text },
        logprobs: toChatLogprobs(logprobs),
      })),
    };
  }
}

function chatId({ id }: TextCompletion): string {
  return String(id).replace(/^cmpl-/, 'chatcmpl-');
}

function choicesOf({ choices }: TextCompletion): readonly TextChoice[] {
  return Array.isArray(choices) ? choices : [];
}

function toChatLogprobs(logprobs: TextLogprobs | null) {
  if (logprobs === null) return null;
  const entry = (token: string, logprob: number | null) => ({
    token,
    logprob: logprob ?? 0,
    bytes: [...new TextEncoder().encode(token)],
  });
  return {
    content: logprobs.tokens.map((token, index) => ({
      ...entry(token, logprobs.token_logprobs[index] ?? null),
      top_logprobs: Object.entries(logprobs.top_logprobs[index] ?? {}).map(([other, logprob]) => entry(other, logprob)),
    })),
  };
}
