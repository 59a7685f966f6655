import { createApp } from '../../lambda/app.ts';
import type { AppDependencies } from '../../lambda/context.ts';
import { ServedModel } from '../../lambda/models/served-model.ts';
import type { ModelSettings } from '../../lambda/settings/settings.ts';
import type { Tokenizer } from '../../lambda/tokenizer/tokenizer.ts';
import { UnknownControlTokenError } from '../../lambda/tokenizer/unknown-control-token-error.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest, TokenLogprob } from '../../lambda/upstream/segment-model.ts';
import { bytes, END_OF_TEXT, IM_END, IM_START, newDecoder, WAIT } from './forcing/tiny-vocabulary.ts';

/** Output of one call of the model: tokens (an end token last, if the model ends by itself), or a failure after some tokens. */
export interface ScriptedSegment {
  readonly says: string;
  readonly ends?: number;
  readonly fails?: Error;
  /** One per token, returned if the request asks for them. */
  readonly logprobs?: readonly TokenLogprob[];
  /** Whether the call never ends, but waits for the abort. */
  readonly hangs?: boolean;
  /** Tokens of the call by the server's own count, on the last chunk. */
  readonly reportedTokens?: number;
}

/** A model that generates the segments of a script in order, one token per chunk, and obeys `maxTokens`. */
export class ScriptedModel implements SegmentModel {
  readonly requests: SegmentRequest[] = [];
  /** All ids that the model sampled, over all calls. */
  readonly sampled: number[] = [];
  readonly #script: ScriptedSegment[];
  aborted = 0;

  constructor(script: readonly ScriptedSegment[]) {
    this.#script = [...script];
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    this.requests.push(request);
    const segment = this.#script.shift() ?? { says: 'a'.repeat(500) };
    const tokens = [...tokensOf(segment.says), ...(segment.ends === undefined ? [] : [segment.ends])];
    let count = 0;
    for (const id of tokens) {
      signal.throwIfAborted();
      count++;
      this.sampled.push(id);
      const stops = request.stopTokenIds.includes(id);
      const full = count === request.maxTokens;
      const logprob = request.topLogprobs === undefined ? undefined : segment.logprobs?.[count - 1];
      yield {
        tokenIds: [id],
        text: '',
        ...(logprob === undefined ? {} : { logprobs: [logprob] }),
        ...(stops ? { finishReason: 'stop', stopReason: id } : full ? { finishReason: 'length' } : {}),
        ...((stops || full) && segment.reportedTokens !== undefined ? { reportedTokens: segment.reportedTokens } : {}),
        promptUsage: { total: request.promptIds.length, cached: 0 },
      };
      if (stops || full) return;
    }
    if (segment.hangs === true) {
      await new Promise((_resolve, reject) => {
        const abort = () => {
          this.aborted++;
          reject(signal.reason);
        };
        if (signal.aborted) abort();
        signal.addEventListener('abort', abort);
      });
    }
    if (segment.fails !== undefined) throw segment.fails;
  }
}

/** "Wait" is one token. Of all other text, each byte is a token. */
export const tokensOf = (text: string): number[] =>
  text.split('Wait').flatMap((piece, index) => (index === 0 ? bytes(piece) : [WAIT, ...bytes(piece)]));

const controls = new Map([
  ['<|im_start|>', IM_START],
  ['<|im_end|>', IM_END],
  ['<|endoftext|>', END_OF_TEXT],
]);

export const byteTokenizer: Tokenizer = {
  encode: async (text) => tokensOf(text),
  encodeRaw: async (text) =>
    text.split(/(<\|\w+\|>)/).flatMap((piece) => {
      const id = controls.get(piece);
      return id === undefined ? tokensOf(piece) : [id];
    }),
  controlId: async (token) => {
    const id = controls.get(token);
    if (id === undefined) throw new UnknownControlTokenError(token);
    return id;
  },
  streamDecoder: newDecoder,
};

export const scriptedSettings: ModelSettings = {
  id: 'scripted',
  format: 's1',
  contextTokens: 4_096,
  upstream: { kind: 'openai-compatible', baseUrl: 'http://localhost:1/v1', servedModelName: 'scripted' },
  tokenizer: { kind: 'endpoint' },
  defaultMaxThinkingTokens: 200,
  maxThinkingTokens: 1_000,
  defaultMaxAnswerTokens: 100,
  efforts: { none: 0, low: 20, medium: 50, high: 100 },
  systemPrompt: 'Be brief.',
};

/** A served model with its own id over a script, for an app with several models. */
export function scriptedModel(
  id: string,
  script: readonly ScriptedSegment[],
  changes: Partial<ModelSettings> = {},
): ServedModel {
  return new ServedModel({ ...scriptedSettings, ...changes, id }, new ScriptedModel(script), byteTokenizer);
}

/** An app over a scripted model. `log` collects the lines of the log. */
export function scriptedApp(script: readonly ScriptedSegment[], changes: Partial<AppDependencies> = {}) {
  const model = new ScriptedModel(script);
  const log: Record<string, unknown>[] = [];
  let ids = 0;
  const app = createApp({
    models: [new ServedModel(scriptedSettings, model, byteTokenizer)],
    clock: { now: () => performance.now(), sleep: async () => {} },
    unixTime: () => 1_700_000_000,
    newId: () => String(++ids),
    log: (level, message, fields) => log.push({ level, message, ...fields }),
    rawPrompts: true,
    requestTimeoutMs: 60_000,
    capacityWaitMs: 0,
    keepAliveMs: 10_000,
    ...changes,
  });
  return { app, model, log };
}

export function chat(
  body: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'scripted', messages: [{ role: 'user', content: 'How many?' }], ...body }),
  };
}

/** The parsed data of each event of a stream. Comments stay text. */
export async function eventsOf(response: Response): Promise<unknown[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data === undefined) return frame;
      return data === '[DONE]' ? data : JSON.parse(data);
    });
}
