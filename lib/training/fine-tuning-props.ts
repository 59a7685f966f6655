import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { z } from 'zod';
import type { FormatName } from '../../lambda/forcing/format.ts';
import type { Network } from '../endpoint/network.ts';
import type { ReasoningEndpoint } from '../endpoint/reasoning-endpoint.ts';
import type { trainingSchema } from './training-schema.ts';

type Options = z.input<typeof trainingSchema>;

/**
 * Props of `FineTuning`. Those that a config has are described in docs/config.md under `training`; a value of theirs that is wrong is
 * an error with its path.
 */
export interface FineTuningProps extends Omit<Options, 'network'> {
  /** Endpoint that serves the trained model. */
  readonly endpoint: ReasoningEndpoint;
  /** Beginning of the names of jobs and models, at most 40 lower-case letters, digits and dashes. */
  readonly name: string;
  /** Format in which the model is served. The rows are written in it. */
  readonly format: FormatName;
  /**
   * Network of the training job.
   *
   * @default - SageMaker's network
   */
  readonly network?: Network | undefined;
  /**
   * ARN of the SNS topic that is told when a run waits for approval or fails.
   *
   * @default - nobody is told
   */
  readonly topicArn?: string | undefined;
  readonly logRetention: RetentionDays;
}
