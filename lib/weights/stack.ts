import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import { WeightsProject } from './weights-project.ts';

export interface WeightsStackProps extends StackProps {
  readonly weights: NonNullable<Config['weights']>;
  readonly logRetentionDays: Config['logRetentionDays'];
}

/** Stack of the bucket of weights and of the project that fills it. It is deployed before the others, which need the weights. */
export class WeightsStack extends Stack {
  readonly project: WeightsProject;

  constructor(scope: Construct, id: string, { weights, logRetentionDays, ...props }: WeightsStackProps) {
    super(scope, id, props);
    this.project = new WeightsProject(this, 'Weights', {
      ...weights,
      bucketName: weights.bucket,
      logRetention: logRetentionDays satisfies RetentionDays,
    });
    new CfnOutput(this, 'BucketName', { description: 'Bucket of the weights', value: this.project.bucket.bucketName });
    new CfnOutput(this, 'ProjectName', {
      description: 'Project that brings weights into the bucket: npx budgetforce weights CONFIG --codebuild',
      value: this.project.projectName,
    });
  }
}
