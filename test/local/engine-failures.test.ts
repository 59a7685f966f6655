import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BadRequestError, parseCompletionBody } from '../../local/endpoint/completion-body.ts';
import { wholeCompletion } from '../../local/endpoint/completion-chunks.ts';
import type { Engine, EngineRequest } from '../../local/engine/engine.ts';
import { guardContext } from '../../local/engine/guard-context.ts';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';

const modelPath = fileURLToPath(new URL('../../local/model/budgetforce-tiny.gguf', import.meta.url));
let engine: Engine;
beforeAll(async () => {
  engine = await loadLlamaEngine({ modelPath, parallel: 1 });
});
afterAll(() => engine.close());

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => process.off('unhandledRejection', note));

function request(changes: Partial<EngineRequest> = {}): EngineRequest {
  return {
    promptIds: engine.tokenize('How many?', false),
    maxTokens: 6,
    minTokens: 0,
    stopTokenIds: [],
    temperature: 1,
    topP: 1,
    topK: 0,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 7,
    ...changes,
  };
}

async function idsOf(asked: EngineRequest): Promise<readonly number[]> {
  const ids: number[] = [];
  for await (const event of engine.generate(asked, AbortSignal.timeout(5_000))) {
    if (event.kind === 'token') ids.push(event.id);
  }
  return ids;
}

/** A request one of whose fields throws when the engine reads it for the `reads`-th time, in the middle of a generation. */
function throwing(field: 'minTokens' | 'maxTokens', reads: number): EngineRequest {
  let count = 0;
  const value = field === 'minTokens' ? 3 : 6;
  return Object.defineProperty({ ...request({ [field]: value }) }, field, {
    get: () => {
      if (++count > reads) throw new Error(`thrown by ${field}`);
      return value;
    },
  });
}

describe('A failure of the engine', () => {
  const json = { kind: 'json_schema', schema: {} } as const;
  it.each<[string, () => EngineRequest]>([
    ['the grammar sampler', () => request({ repetitionPenalty: 5e-324, structure: json, maxTokens: 20 })],
    ['a token bias, at the first token', () => throwing('minTokens', 3)],
    ['a token bias, at a later token', () => throwing('minTokens', 5)],
    ['the loop over tokens', () => throwing('maxTokens', 1)],
    ['the evaluation of the prompt', () => request({ promptIds: [1, 99_999_999] })],
  ])('in %s fails its request, and no other', async (_, failing) => {
    const before = await idsOf(request());
    await expect(idsOf(failing())).rejects.toThrow();
    // The only place of the engine is free again, and its cache is whole.
    expect(await idsOf(request())).toEqual(before);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(unhandled).toEqual([]);
  });

  it('in the log-probabilities of a prompt fails its request, and no other', async () => {
    const signal = AbortSignal.timeout(5_000);
    await expect(engine.promptLogprobs([1, 99_999_999, 2], 1, signal)).rejects.toThrow();
    expect(await engine.promptLogprobs([1, 2], 1, signal)).toHaveLength(1);
    expect(unhandled).toEqual([]);
  });

  it.each(['mapper', 'async mapper', 'afterBatchAction'])(
    'in the %s of a batch rejects the evaluation that asked for it',
    async (kind) => {
      const context = {
        async _decodeTokens(
          asked: { afterBatchAction?: (length: number) => unknown },
          mapper: (index: number) => unknown,
        ) {
          const value = await mapper(0);
          await asked.afterBatchAction?.(1);
          return [[0, value]];
        },
        async dispatchPendingBatch() {},
      };
      guardContext(context);
      const fail = () => {
        throw new Error(`thrown by the ${kind}`);
      };
      const mapper = kind === 'mapper' ? fail : kind === 'async mapper' ? async () => fail() : () => 1;
      const asked = kind === 'afterBatchAction' ? { afterBatchAction: fail } : {};
      await expect(context._decodeTokens(asked, mapper)).rejects.toThrow(`thrown by the ${kind}`);
    },
  );

  it('of a whole batch rejects every evaluation that waits for it', async () => {
    const context = {
      _decodeTokens: (_: object, _mapper: () => unknown) => new Promise<unknown>(() => {}),
      dispatchPendingBatch: async () => {
        throw new Error('no batch');
      },
    };
    guardContext(context);
    const waiting = [context._decodeTokens({}, () => 1), context._decodeTokens({}, () => 2)];
    const settled = Promise.allSettled(waiting);
    await context.dispatchPendingBatch();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

describe('The local endpoint', () => {
  it.each([
    { repetition_penalty: 5e-324 },
    { repetition_penalty: 1e300 },
    { prompt: [99_999_999] },
    { prompt: [2 ** 40 + 5] },
  ])('refuses %j, as vLLM would have to', async (fields) => {
    const body = JSON.stringify({ prompt: 'x', max_tokens: 2, ...fields });
    const answer = async () =>
      await wholeCompletion(engine, parseCompletionBody(body), 'm', new AbortController().signal);
    await expect(answer()).rejects.toBeInstanceOf(BadRequestError);
  });
});
