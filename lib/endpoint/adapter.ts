import { Arn, Stack } from 'aws-cdk-lib';
import { type CfnEndpoint, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import type { OfferedModel } from './offered-model.ts';

/** A LoRA adapter on a model: the model's copies serve it too. */
export interface AdapterProps {
  /** The name that a client writes in `model`. */
  readonly id: string;
  /** The adapter's files as one archive: `s3://bucket/prefix/adapter.tar.gz`, in a bucket of the endpoint's region. */
  readonly uri: string;
}

export interface HostedAdapterProps extends AdapterProps {
  readonly endpoint: CfnEndpoint;
  readonly componentName: string;
  readonly base: OfferedModel & { readonly component: CfnInferenceComponent };
}

/**
 * A LoRA adapter as a component on the component of its base. It takes no GPU of its own and has no copies of its own.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-adapt.html
 */
export class HostedAdapter extends Construct implements OfferedModel {
  readonly id: string;
  readonly componentName: string;
  readonly componentArn: string;
  /** The base's: SageMaker puts the adapter's name into the request on the way to the server. */
  readonly servedModelName: string;
  readonly contextTokens: number;
  /** The base's: its copies serve both. */
  readonly load: OfferedModel['load'];
  readonly canTokenize: boolean;
  readonly component: CfnInferenceComponent;

  constructor(scope: Construct, id: string, props: HostedAdapterProps) {
    super(scope, id);
    this.id = props.id;
    this.componentName = props.componentName;
    this.componentArn = Arn.format(
      { service: 'sagemaker', resource: 'inference-component', resourceName: this.componentName },
      Stack.of(this),
    );
    this.servedModelName = props.base.servedModelName;
    this.contextTokens = props.base.contextTokens;
    this.load = props.base.load;
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
  }
}
