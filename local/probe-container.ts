import * as z from 'zod';
import { completionRequestBody } from '../lambda/upstream/completion-request.ts';
import { ModelError } from '../lambda/upstream/errors.ts';
import { networkCode } from '../lambda/upstream/network-code.ts';
import { readCompletionStream } from '../lambda/upstream/read-completion-stream.ts';
import { statusToError } from '../lambda/upstream/status-to-error.ts';
import { CUSTOM_ATTRIBUTES } from './endpoint/runtime-protocol.ts';

export interface ContainerToProbe {
  /** Base URL of the container, without a trailing slash. */
  readonly url: string;
  /** Model name in the body. If omitted, the first name that the container lists. */
  readonly modelName?: string | undefined;
  /** Whether the container has to tokenize, since no tokenizer.json is given. */
  readonly mustTokenize: boolean;
}

/** What a container reports about its model. */
export interface ProbedContainer {
  /** `undefined` if the container does not list its models; then no `model` is sent. */
  readonly modelName: string | undefined;
  /** Whether the model is a LoRA adapter on another one. */
  readonly isAdapter: boolean;
  /** Context window, in tokens, if the container reports it. */
  readonly contextTokens: number | undefined;
}

const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), parent: z.string().nullish(), max_model_len: z.int().nullish() })).min(1),
});
type ListedModel = z.infer<typeof modelsSchema>['data'][number];
const tokensSchema = z.object({ tokens: z.array(z.int()).min(1), max_model_len: z.int().nullish() });

/**
 * Checks that a container can serve the API as it would on SageMaker: `GET /ping`, then `POST /invocations` with a prompt of token
 * ids, which must return the ids that it samples.
 *
 * @throws {Error} that names the container and what to use instead
 */
export async function probeContainer({ url, modelName, mustTokenize }: ContainerToProbe): Promise<ProbedContainer> {
  await ping(url);
  const models = await listedModels(url);
  const listed = modelName === undefined ? models[0] : models.find(({ id }) => id === modelName);
  if (listed === undefined && models.length > 0) {
    throw new Error(
      `The container ${url} has no model ${modelName}. Choose one of: ${models.map(({ id }) => id).join(', ')}.`,
    );
  }
  const name = modelName ?? listed?.id;
  await sampleOneToken(url, name);
  const tokenized = mustTokenize ? await tokenize(url) : undefined;
  const base = models.find(({ id }) => id === listed?.parent);
  return {
    modelName: name,
    isAdapter: listed?.parent != null,
    contextTokens: listed?.max_model_len ?? base?.max_model_len ?? tokenized?.max_model_len ?? undefined,
  };
}

async function ping(url: string): Promise<void> {
  const answer = await fetch(`${url}/ping`).catch((cause: unknown) => {
    const code = networkCode(cause) ?? 'no connection';
    throw new Error(
      `The container ${url} cannot be reached (${code}). Start it first: npx budgetforce serve-command CONFIG.json prints the command.`,
      { cause },
    );
  });
  if (answer.ok) return;
  throw new Error(
    `GET ${url}/ping returned status ${answer.status}, so it is not a SageMaker container that is ready. Wait until the model is loaded, or give a server with OpenAI's routes with --upstream ${url}/v1.`,
  );
}

/** The models that the container lists. Its contract has no such route, but vLLM serves it all the same. */
async function listedModels(url: string): Promise<readonly ListedModel[]> {
  const answer = await fetch(`${url}/v1/models`).catch(() => undefined);
  const parsed = modelsSchema.safeParse(answer?.ok ? await answer.json().catch(() => undefined) : undefined);
  return parsed.data?.data ?? [];
}

async function sampleOneToken(url: string, modelName: string | undefined): Promise<void> {
  const body = completionRequestBody(
    { promptIds: [0], maxTokens: 1, minTokens: 0, stopTokenIds: [], sampling: { temperature: 0 } },
    modelName,
  );
  const called = modelName === undefined ? url : `${url} (model ${modelName})`;
  try {
    const answer = await invoke(url, body);
    if (!answer.ok) throw statusToError(answer.status, await answer.text());
    let ids = 0;
    for await (const chunk of readCompletionStream(answer.body ?? new ReadableStream())) ids += chunk.tokenIds.length;
    if (ids > 0) return;
    throw new Error('It returned no token ids.');
  } catch (cause) {
    const why = cause instanceof ModelError || cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The container ${called} cannot serve budgets. POST /invocations must accept a prompt of token ids and return the ids that it samples, as vLLM 0.10.2 or newer does. It failed: ${why} If the server has OpenAI's routes only, give --upstream ${url}/v1 instead of --container.`,
      { cause },
    );
  }
}

async function tokenize(url: string): Promise<z.infer<typeof tokensSchema>> {
  const answer = await invoke(url, JSON.stringify({ prompt: 'Wait', add_special_tokens: false }), 'route=/tokenize');
  const parsed = tokensSchema.safeParse(await answer.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new Error(
    `The container ${url} does not tokenize: its /invocations ignores the route /tokenize, which AWS's vLLM images serve. Give the model's tokenizer.json with --tokenizer FILE.`,
  );
}

async function invoke(url: string, body: string, customAttributes?: string): Promise<Response> {
  return await fetch(`${url}/invocations`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(customAttributes === undefined ? {} : { [CUSTOM_ATTRIBUTES]: customAttributes }),
    },
    body,
  });
}
