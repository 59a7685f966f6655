import { z } from 'zod';
import { openAiCompatible } from '../../lambda/upstream/openai-compatible.ts';
import { upstreamName } from '../../lambda/upstream/registry.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { type BudgetMetric, budgetMetric } from '../facts/metrics.ts';
import { remoteEndpointSchema } from './remote-endpoint-schema.ts';

/** Kinds of servers that a config may name, in `models[].upstream`. */
export const externalUpstreamSchema = z.discriminatedUnion('kind', [openAiCompatible.settings, remoteEndpointSchema]);

/** Server of a model that is not on the endpoint of this app. It accepts text completions with vLLM's fields. */
export type ExternalUpstream = ExternalServer | RemoteEndpoint;

/** A SageMaker endpoint of the account that exists already, usually in another region. */
export interface RemoteEndpoint {
  readonly kind: 'sagemaker';
  /** The region of the stack, or one of `fallbackRegions`. */
  readonly region: string;
  readonly endpointName: string;
  /**
   * Required if the endpoint has inference components.
   *
   * @default - none
   */
  readonly inferenceComponentName?: string | undefined;
  /**
   * Name of the model at the server.
   *
   * @default - none is sent; for a fallback, that of its model
   */
  readonly servedModelName?: string | undefined;
}

/** A server of OpenAI-compatible text completions. */
export interface ExternalServer {
  readonly kind: 'openai-compatible';
  /** URL of the server, which ends in `/v1`. `/completions` is appended. */
  readonly baseUrl: string;
  /** Name of the model at the server (vLLM's `--served-model-name`). */
  readonly servedModelName: string;
  /**
   * Secrets Manager secret with the server's bearer key: the key, or JSON with `apiKey`. The function may read this secret. If
   * it has a customer-managed KMS key, grant `kms:Decrypt` to the function as well.
   *
   * @default - no key is sent
   */
  readonly apiKeySecretArn?: string | undefined;
}

/** A model on a server that exists already, for instance vLLM on EKS or EC2. */
export interface ExternalModel {
  /** Name that a client writes in `model`. */
  readonly id: string;
  readonly upstream: ExternalUpstream;
  /** Window that the server serves (prompt, thinking and answer; vLLM's `--max-model-len`), in tokens. */
  readonly contextTokens: number;
}

/** Whether a model is on a server of its own, and not on the endpoint. */
export function isExternal(model: OfferedModel | ExternalModel): model is ExternalModel {
  return 'upstream' in model;
}

/** Whether a model is on the endpoint. */
export function isHosted(model: OfferedModel | ExternalModel): model is OfferedModel {
  return !isExternal(model);
}

/** Returns a metric that the function writes about an external model. */
export function externalModelMetric({ id, upstream }: ExternalModel, name: BudgetMetric) {
  return budgetMetric(name, { endpointName: upstreamName(upstream), modelId: id });
}
