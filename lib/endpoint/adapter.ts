import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type CfnEndpoint, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { componentArnOf } from './component-names.ts';
import type { OfferedModel } from './offered-model.ts';

/** A LoRA adapter on a model, which the model's copies also serve. */
export interface AdapterProps {
  /** Name that a client writes in `model`. */
  readonly id: string;
  /** Archive with the adapter's files, in a bucket of the endpoint's region: `s3://bucket/prefix/adapter.tar.gz`. */
  readonly uri: string;
}

export interface HostedAdapterProps extends AdapterProps {
  readonly endpoint: CfnEndpoint;
  readonly componentName: string;
  readonly logRetention: RetentionDays;
  readonly base: OfferedModel & { readonly componentName: string; readonly component: CfnInferenceComponent };
}

/**
 * A LoRA adapter, as a component on the component of its base model. It has no GPUs and no copies of its own.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html
 */
export class HostedAdapter extends Construct implements OfferedModel {
  readonly id: string;
  readonly componentName: string;
  readonly componentArn: string;
  /** Same as the base model's: SageMaker writes the adapter's name into the request to the server. */
  readonly servedModelName: string;
  readonly contextTokens: number;
  /** Same as the base model's: its copies serve both. */
  readonly deployedScaling: OfferedModel['deployedScaling'];
  /** Same as the base model's. */
  readonly zeroCopies: OfferedModel['zeroCopies'];
  readonly canTokenize: boolean;
  readonly component: CfnInferenceComponent;

  constructor(scope: Construct, id: string, props: HostedAdapterProps) {
    super(scope, id);
    this.id = props.id;
    this.componentName = props.componentName;
    this.componentArn = componentArnOf(this, this.componentName);
    this.servedModelName = props.base.servedModelName;
    this.contextTokens = props.base.contextTokens;
    this.deployedScaling = props.base.deployedScaling;
    this.zeroCopies = props.base.zeroCopies;
    this.canTokenize = props.base.canTokenize;
    this.component = new CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: this.componentName,
      endpointName: props.endpoint.attrEndpointName,
      specification: {
        baseInferenceComponentName: props.base.componentName,
        container: { artifactUrl: props.uri },
      },
    });
    this.component.addResourceDependency(props.base.component);
    // The execution role may not create it, see createEndpointRole.
    this.component.node.addDependency(
      new LogGroup(this, 'Logs', {
        logGroupName: `/aws/sagemaker/InferenceComponents/${this.componentName}`,
        retention: props.logRetention,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
    );
  }
}
