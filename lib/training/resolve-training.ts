import { Stack } from 'aws-cdk-lib';
import { z } from 'zod';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import { DEFAULT_TRAINING_TAG, trainingImageUri } from '../facts/training-images.ts';
import type { ModelSource } from '../serving/model-source.ts';
import type { FineTuningProps } from './fine-tuning-props.ts';
import { type TrainingConfig, trainingSchema } from './training-schema.ts';

/** The props with their defaults, and what follows from them. */
export type ResolvedTraining = Omit<TrainingConfig, 'base' | 'image' | 'environment' | 'bakeSeconds' | 'network'> & {
  readonly base: ModelSource;
  /** Whether `base` is the served model's own source. */
  readonly ownSource: boolean;
  readonly imageUri: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly bakeSeconds: number;
  readonly maxSeconds: number;
  readonly spotWaitSeconds: number | undefined;
};

/** Wait after each part of the copies, in seconds. */
const BAKE_SECONDS = { rolling: 300, canary: 1_800 } as const;

/**
 * Fills in the defaults of the schema.
 *
 * @throws {Error} with the path of each value that is wrong
 */
export function resolveTraining(props: FineTuningProps, model: HostedModel): ResolvedTraining {
  const {
    endpoint,
    name: _name,
    format: _format,
    network: _network,
    topicArn: _topic,
    logRetention: _logs,
    ...options
  } = props;
  const parsed = trainingSchema.safeParse(options);
  if (!parsed.success) throw new Error(`The props of FineTuning are wrong:\n${z.prettifyError(parsed.error)}`);
  const training = parsed.data;
  const maxSeconds = Math.round(training.maxHours * 3_600);
  const { attempts, waitMinutes } = training.capacity;
  return {
    ...training,
    base: training.base ?? model.props.source,
    ownSource: training.base === undefined,
    imageUri: trainingImageUri(training.image ?? DEFAULT_TRAINING_TAG, Stack.of(endpoint).region),
    environment: training.environment ?? {},
    bakeSeconds: training.bakeSeconds ?? BAKE_SECONDS[training.rollout],
    maxSeconds,
    spotWaitSeconds: training.spot ? maxSeconds + attempts * waitMinutes * 60 : undefined,
  };
}
