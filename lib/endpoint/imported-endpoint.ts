import { Arn, Stack, Token } from 'aws-cdk-lib';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { type BudgetMetric, budgetMetric } from '../facts/metrics.ts';
import { type Refusal, refuse } from '../facts/refusal.ts';
import { componentArnOf } from './component-names.ts';
import { findModel, grantInvokeOf, type IReasoningEndpoint, type ReferencedModel } from './endpoint-reference.ts';

/** A model on an endpoint that exists already. */
export interface ImportedModelProps {
  /** Name that a client writes in `model`. */
  readonly id: string;
  /** Window that the server serves (prompt, thinking and answer; vLLM's `--max-model-len`), in tokens. At least 128. */
  readonly contextTokens: number;
  /**
   * Inference component of the model. Required if the endpoint has any.
   *
   * @default - none: the endpoint's variants have the model themselves
   */
  readonly inferenceComponentName?: string | undefined;
  /**
   * Name of the model at the server (vLLM's `--served-model-name`).
   *
   * @default - the id
   */
  readonly servedModelName?: string | undefined;
  /**
   * Whether the server is of AWS's vLLM images, whose `/tokenize` can be reached through the endpoint.
   *
   * @default false
   */
  readonly canTokenize?: boolean | undefined;
}

export interface ImportedEndpointProps {
  /** Name of an endpoint in the account and region of the stack. */
  readonly endpointName: string;
  /** At least one. Their server accepts text completions with vLLM's fields at `/invocations`. */
  readonly models: readonly ImportedModelProps[];
}

/** An endpoint that exists already. Nothing of it is created or changed: its copies, their scaling and their alarms stay with its owner. */
export class ImportedEndpoint extends Construct implements IReasoningEndpoint {
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly models: readonly ReferencedModel[];

  constructor(scope: Construct, id: string, { endpointName, models }: ImportedEndpointProps) {
    super(scope, id);
    refuse(this, checkImported(endpointName, models));
    this.endpointName = endpointName;
    this.endpointArn = Arn.format(
      { service: 'sagemaker', resource: 'endpoint', resourceName: endpointName },
      Stack.of(this),
    );
    this.models = models.map((model) => this.#toModel(model));
  }

  get offered(): readonly ReferencedModel[] {
    return this.models;
  }

  grantInvoke(grantee: IGrantable): Grant {
    return grantInvokeOf(this, grantee);
  }

  metric(name: BudgetMetric, modelId?: string): Metric {
    return findModel(this.node.path, this.models, modelId).metric(name);
  }

  #toModel({ id, contextTokens, inferenceComponentName, servedModelName, canTokenize }: ImportedModelProps) {
    const { endpointName } = this;
    return {
      id,
      contextTokens,
      componentName: inferenceComponentName,
      componentArn: inferenceComponentName === undefined ? undefined : componentArnOf(this, inferenceComponentName),
      servedModelName: servedModelName ?? id,
      canTokenize: canTokenize ?? false,
      deployedScaling: undefined,
      metric: (name: BudgetMetric) => budgetMetric(name, { endpointName, modelId: id }),
    };
  }
}

const NAME = /^[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}$/;

function checkImported(endpointName: string, models: readonly ImportedModelProps[]): readonly (Refusal | undefined)[] {
  const finding = (sentence: string): Refusal => ({
    code: 'imported-endpoint',
    sentence,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html',
    final: true,
  });
  const nameFinding = (field: string, name: string | undefined) =>
    name === undefined || Token.isUnresolved(name) || NAME.test(name)
      ? undefined
      : finding(
          `${field} is "${name}", but a name has at most 63 letters, digits and dashes: write the name, without the rest of an ARN or a URL.`,
        );
  return [
    nameFinding('endpointName', endpointName),
    models.length === 0
      ? finding(`models of the endpoint "${endpointName}" is empty: write at least one model.`)
      : undefined,
    ...models.flatMap(({ id, contextTokens, inferenceComponentName }) => [
      nameFinding(`inferenceComponentName of ${id}`, inferenceComponentName),
      Number.isInteger(contextTokens) && contextTokens >= 128
        ? undefined
        : finding(
            `contextTokens of ${id} is ${contextTokens}, but it is the window of its server in tokens: write a whole number from 128 on, vLLM's --max-model-len.`,
          ),
    ]),
  ];
}
