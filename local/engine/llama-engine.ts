import {
  getLlama,
  type Llama,
  type LlamaContextSequence,
  type LlamaGrammar,
  LlamaGrammarEvaluationState,
  LlamaLogLevel,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
  TokenBias,
} from 'node-llama-cpp';
import { sampleSeedOf } from '../../lambda/upstream/segment-seed.ts';
import {
  type Engine,
  type EngineEvent,
  type EngineLogprobs,
  type EngineRequest,
  type EngineStats,
  type TextStructure,
  UnknownStructureError,
} from './engine.ts';
import { guardContext } from './guard-context.ts';
import { jsonGrammar } from './json-grammar.ts';
import { Places } from './places.ts';
import { type SetSeeds, seedDraws } from './seed-draws.ts';
import { tokenSeed } from './token-seed.ts';

export interface LlamaEngineOptions {
  /** Path of a GGUF file. */
  readonly modelPath: string;
  /** Concurrent streams; further streams queue. Minimum: 1. @default 4 */
  readonly parallel?: number;
  /** Context window of one stream, in tokens. @default the model's own window, at most 8,192 */
  readonly contextTokens?: number;
  /** Threads of llama.cpp. On busy or shared cores, more than one is far slower for a small model. @default 1 */
  readonly threads?: number;
}

/** Concurrent streams if none are given. */
export const DEFAULT_PARALLEL_STREAMS = 4;
const MAX_CONTEXT_TOKENS = 8_192;
const BATCH_TOKENS = 512;
const SMALL_MODEL_BYTES = 64 * 2 ** 20;
const MAX_CONTEXTS = 8;

/**
 * Loads a GGUF file into llama.cpp (prebuilt, on the CPU). Streams of a large model share one context, so that a step reads the
 * weights once for all of them. The weights of a small model stay in the CPU caches, so each of its streams gets its own context,
 * and the contexts run on several cores.
 */
export async function loadLlamaEngine(options: LlamaEngineOptions): Promise<Engine> {
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, progressLogs: false });
  const model = await llama.loadModel({ modelPath: options.modelPath });
  const parallel = options.parallel ?? DEFAULT_PARALLEL_STREAMS;
  const contextTokens = options.contextTokens ?? Math.min(model.trainContextSize, MAX_CONTEXT_TOKENS);
  const contextCount = model.size <= SMALL_MODEL_BYTES ? Math.min(parallel, MAX_CONTEXTS) : 1;
  const contexts = await Promise.all(
    Array.from({ length: contextCount }, (_, index) =>
      model.createContext({
        sequences: Math.ceil((parallel - index) / contextCount),
        // llama.cpp keeps one cell free: without the extra cell, the last token would shift the context.
        contextSize: contextTokens + 1,
        batchSize: Math.min(contextTokens, BATCH_TOKENS),
        threads: options.threads ?? 1,
        flashAttention: true,
      }),
    ),
  );
  for (const context of contexts) guardContext(context);
  const sequences = contexts.flatMap((context) =>
    Array.from({ length: context.totalSequences }, () => context.getSequence()),
  );
  return new LlamaEngine(llama, model, sequences, contextTokens, async () => {
    await Promise.all(contexts.map((context) => context.dispose()));
    await model.dispose();
    await llama.dispose();
  });
}

class LlamaEngine implements Engine {
  readonly contextTokens: number;
  readonly vocabularySize: number;
  readonly endIds: ReadonlySet<number>;
  readonly controlIds: ReadonlySet<number>;
  readonly #llama: Llama;
  readonly #model: LlamaModel;
  readonly #places: Places<LlamaContextSequence>;
  readonly #dispose: () => Promise<void>;
  readonly #lastUsed = new Map<LlamaContextSequence, number>();
  readonly #setSeeds: ReadonlyMap<LlamaContextSequence, SetSeeds>;
  #uses = 0;
  #evaluated = 0;
  #cached = 0;
  #generated = 0;

  constructor(
    llama: Llama,
    model: LlamaModel,
    sequences: readonly LlamaContextSequence[],
    contextTokens: number,
    dispose: () => Promise<void>,
  ) {
    this.#llama = llama;
    this.#model = model;
    this.#places = new Places(sequences);
    this.#setSeeds = new Map(sequences.map((sequence) => [sequence, seedDraws(sequence)]));
    this.contextTokens = contextTokens;
    this.#dispose = dispose;
    const tokens = allTokens(model);
    this.vocabularySize = tokens.length;
    this.endIds = new Set(tokens.filter((token) => model.isEogToken(token)));
    this.controlIds = new Set(
      tokens.filter((token) => model.getTokenAttributes(token).control && !model.isEogToken(token)),
    );
  }

  async *generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    const prompt = request.promptIds.map(toToken);
    const grammar = await grammarOf(request.structure, this.#llama);
    signal.throwIfAborted();
    const sequence = await this.#places.take((free) => this.#closest(free, prompt), signal);
    this.#lastUsed.set(sequence, ++this.#uses);
    try {
      // The last prompt token is always evaluated: its logits give the first new token.
      const known = Math.min(sequence.compareContextTokens(prompt).firstDifferentIndex, prompt.length - 1);
      await sequence.adaptStateToTokens(prompt.slice(0, known), false);
      this.#evaluated += prompt.length - known;
      this.#cached += known;
      yield { kind: 'prompt', evaluated: prompt.length - known, cached: known };

      const ends = new Set([...request.stopTokenIds, ...this.endIds]);
      let count = 0;
      const { topLogprobs } = request;
      // The function's seeds of calls contain the sample's seed, so a continued text has the same draws.
      const seed = sampleSeedOf(request.seed ?? Math.floor(Math.random() * 2 ** 31), request.promptIds);
      this.#setSeeds.get(sequence)?.(() => tokenSeed(seed, prompt.length + count));
      const options: SequenceEvaluateOptions = {
        ...samplingOf(request, () => sequence.contextTokens.slice(-64)),
        yieldEogToken: true,
        ...(grammar === undefined
          ? {}
          : { grammarEvaluationState: new LlamaGrammarEvaluationState({ model: this.#model, grammar }) }),
        ...this.#bias(request, ends, () => count),
      };
      const rest = prompt.slice(known);
      const steps =
        topLogprobs === undefined
          ? sequence.evaluate(rest, options)
          : sequence.evaluateWithMetadata(rest, { probabilities: true }, options);
      for await (const step of steps) {
        count++;
        this.#generated++;
        const token = typeof step === 'object' ? step.token : step;
        yield {
          kind: 'token',
          id: token,
          ...(typeof step === 'object' ? { logprobs: logprobsOf(token, step.probabilities, topLogprobs ?? 0) } : {}),
        };
        if (signal.aborted || ends.has(token) || count >= request.maxTokens) break;
      }
      signal.throwIfAborted();
    } catch (error) {
      // After a failure, the cache may hold tokens that the sequence does not know of.
      if (!signal.aborted) await sequence.clearHistory().catch(() => undefined);
      throw error;
    } finally {
      this.#setSeeds.get(sequence)?.(undefined);
      this.#places.give(sequence);
    }
  }

  async promptLogprobs(
    promptIds: readonly number[],
    top: number,
    signal: AbortSignal,
  ): Promise<readonly EngineLogprobs[]> {
    const prompt = promptIds.map(toToken);
    const sequence = await this.#places.take((free) => this.#closest(free, prompt), signal);
    this.#lastUsed.set(sequence, ++this.#uses);
    try {
      await sequence.clearHistory();
      const options = { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } };
      const results = await sequence.controlledEvaluate(prompt.slice(0, -1).map((token) => [token, options] as const));
      this.#evaluated += prompt.length - 1;
      signal.throwIfAborted();
      return prompt.slice(1).map((token, index) => {
        return logprobsOf(token, results[index]?.next.probabilities ?? new Map(), top);
      });
    } catch (error) {
      if (!signal.aborted) await sequence.clearHistory().catch(() => undefined);
      throw error;
    } finally {
      this.#places.give(sequence);
    }
  }

  tokenize(text: string, parseControls: boolean): readonly number[] {
    return this.#model.tokenize(text, parseControls);
  }

  detokenize(ids: readonly number[]): string {
    return this.#model.detokenize(ids.map(toToken), true);
  }

  stats(): EngineStats {
    return {
      active: this.#places.active,
      queued: this.#places.queued,
      promptTokensEvaluated: this.#evaluated,
      promptTokensCached: this.#cached,
      generatedTokens: this.#generated,
    };
  }

  async close(): Promise<void> {
    await this.#dispose();
  }

  /**
   * Masks end tokens below the minimum. In a structured answer it also masks control tokens: the grammar takes their text for the
   * text of a string, but they would end the answer there. The grammar itself allows an end only after the whole structure.
   */
  #bias(
    request: EngineRequest,
    ends: ReadonlySet<number>,
    count: () => number,
  ): Pick<SequenceEvaluateOptions, 'tokenBias'> {
    const always = request.structure === undefined ? new Set<number>() : this.controlIds;
    if (request.minTokens <= 0 && always.size === 0) return {};
    const later = maskOf(this.#model, always);
    const first = request.minTokens > 0 ? maskOf(this.#model, new Set([...ends, ...always])) : later;
    return { tokenBias: () => (count() < request.minTokens ? first : later) };
  }

  /** The free sequence whose cache shares the longest prefix with the prompt; among equals, the least recently used. */
  #closest(free: readonly LlamaContextSequence[], prompt: Token[]): LlamaContextSequence {
    const [best] = free
      .map((sequence) => ({
        sequence,
        shared: sequence.compareContextTokens(prompt).firstDifferentIndex,
        used: this.#lastUsed.get(sequence) ?? 0,
      }))
      .toSorted((a, b) => b.shared - a.shared || a.used - b.used);
    if (best === undefined) throw new Error('No sequence is free.');
    return best.sequence;
  }
}

async function grammarOf(structure: TextStructure | undefined, llama: Llama): Promise<LlamaGrammar | undefined> {
  if (structure === undefined) return undefined;
  const grammar = jsonGrammar(structure);
  try {
    return await llama.createGrammar({ grammar });
  } catch (cause) {
    throw new UnknownStructureError(
      `The engine cannot enforce this JSON schema: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

function samplingOf(request: EngineRequest, recent: () => Token[]): SequenceEvaluateOptions {
  const penalized = request.repetitionPenalty !== 1 || request.frequencyPenalty !== 0 || request.presencePenalty !== 0;
  return {
    temperature: request.temperature,
    topP: request.topP,
    topK: Math.max(0, request.topK),
    minP: request.minP,
    ...(penalized
      ? {
          repeatPenalty: {
            punishTokens: recent,
            penalty: request.repetitionPenalty,
            frequencyPenalty: request.frequencyPenalty,
            presencePenalty: request.presencePenalty,
          },
        }
      : {}),
  };
}

function logprobsOf(token: Token, probabilities: ReadonlyMap<Token, number>, top: number): EngineLogprobs {
  const logprob = (probability: number) => Math.max(Math.log(probability), MIN_LOGPROB);
  const likeliest = [...probabilities].slice(0, top);
  return {
    own: logprob(probabilities.get(token) ?? 0),
    top: likeliest.map(([id, probability]) => ({ id, logprob: logprob(probability) })),
  };
}

/** JSON cannot represent minus infinity. */
const MIN_LOGPROB = -9_999;

/**
 * A bias that masks end tokens. `TokenBias.set` deliberately skips end-of-generation tokens, but vLLM's `min_tokens` masks them, so
 * this fills the underlying map directly. The version of node-llama-cpp is pinned, and a test covers this.
 */
function maskOf(model: LlamaModel, ends: ReadonlySet<number>): TokenBias {
  const bias = TokenBias.for(model);
  const biases: unknown = Reflect.get(bias, '_biases');
  if (!(biases instanceof Map))
    throw new Error('This version of node-llama-cpp does not store its token biases in _biases.');
  for (const end of ends) biases.set(toToken(end), Number.NEGATIVE_INFINITY);
  return bias;
}

function allTokens(model: LlamaModel): Token[] {
  return Array.from(model.iterateAllTokens());
}

/** Token ids of node-llama-cpp are branded numbers. */
function toToken(id: number): Token {
  return id as Token;
}
