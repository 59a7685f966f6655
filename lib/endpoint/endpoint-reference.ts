import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { BudgetMetric } from '../facts/metrics.ts';
import type { OfferedModel } from './offered-model.ts';

/** A model on an endpoint, with the metrics that the function writes about it. */
export interface ReferencedModel extends OfferedModel {
  metric(name: BudgetMetric): Metric;
}

/** An endpoint that hosts reasoning models: of this app, or one that exists already (`ReasoningEndpoint.fromEndpointName`). */
export interface IReasoningEndpoint {
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly models: readonly ReferencedModel[];
  /** All names that a request can use: each model and its adapters. */
  readonly offered: readonly OfferedModel[];
  /** Allows `grantee` to invoke every model of this endpoint, with and without streaming, and nothing else. */
  grantInvoke(grantee: IGrantable): Grant;
  /**
   * Metric that the function writes for the requests of a model.
   *
   * @param modelId if omitted, the first model
   */
  metric(name: BudgetMetric, modelId?: string): Metric;
}

/** Allows a grantee to invoke an endpoint and its components. */
export function grantInvokeOf(
  { endpointArn, offered }: Pick<IReasoningEndpoint, 'endpointArn' | 'offered'>,
  grantee: IGrantable,
): Grant {
  return Grant.addToPrincipal({
    grantee,
    actions: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
    resourceArns: [endpointArn, ...offered.flatMap(({ componentArn }) => componentArn ?? [])],
  });
}

/**
 * Finds a model by its id. Without one, the first.
 *
 * @throws {Error} if there is none
 */
export function findModel<Model extends { readonly id: string }>(
  path: string,
  models: readonly Model[],
  id: string | undefined,
): Model {
  const model = id === undefined ? models[0] : models.find((candidate) => candidate.id === id);
  if (model !== undefined) return model;
  throw new Error(`${path} has no model "${id}": write one of ${models.map((known) => known.id).join(', ')}.`);
}
