import type { ApiObject } from '../endpoint/successor.ts';

/** Values that the states of a run have, resolved or as tokens of CDK. */
export interface MachineSettings {
  readonly partition: string;
  /** Beginning of the names of jobs and models: the stage. */
  readonly name: string;
  readonly bucketName: string;
  /** The training job, but for what differs from run to run. */
  readonly job: TrainingJobSettings;
  readonly capacity: { readonly attempts: number; readonly waitMinutes: number };
  /** Container that serves the trained weights. */
  readonly container: { readonly image: string; readonly environment: Readonly<Record<string, string>> };
  readonly servingRoleArn: string;
  readonly networkIsolation: boolean;
  readonly servingVpc: VpcSettings | undefined;
  readonly packageGroup: string;
  readonly component: ComponentSettings;
  /** `undefined`: the trained model is not evaluated. */
  readonly evaluation: { readonly projectName: string; readonly maxSeconds: number } | undefined;
  /** `manual`, or by the verdict of the evaluation. */
  readonly approval: 'manual' | 'rule';
  readonly approvalSeconds: number;
  readonly topicArn: string | undefined;
  readonly tags: readonly { readonly Key: string; readonly Value: string }[];
}

interface VpcSettings {
  readonly subnets: readonly string[];
  readonly securityGroupIds: readonly string[];
}

export interface TrainingJobSettings {
  readonly image: string;
  readonly codeUri: string;
  readonly roleArn: string;
  /** Weights to begin with, if they are in S3. Otherwise the hyperparameters name them. */
  readonly baseUri: string | undefined;
  readonly hyperparameters: Readonly<Record<string, string>>;
  readonly instanceType: string;
  readonly instanceCount: number;
  readonly maxSeconds: number;
  /** With spot instances: time for the training and for waiting together. */
  readonly spotWaitSeconds: number | undefined;
  readonly trainingPlanArn: string | undefined;
  readonly keepAliveSeconds: number | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly kmsKeyArn: string | undefined;
  readonly vpc: VpcSettings | undefined;
}

interface ComponentSettings {
  readonly endpointName: string;
  readonly variantName: string;
  /** Component in service, and the temporary one of an evaluation. */
  readonly name: string;
  readonly candidateName: string;
  /** Specification of a component for a name of a model. */
  readonly specification: (modelName: string) => ApiObject;
  /** Where a description of the component has the name of its model. */
  readonly modelPath: string;
  /** How an update replaces copies. `undefined`: SageMaker's default, since only one copy may run. */
  readonly deployment: ApiObject | undefined;
}
