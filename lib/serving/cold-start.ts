import type { Prices } from '../facts/prices.ts';

/** One step from a request that finds no copy to its first token. */
export interface ColdStartStep {
  readonly name: string;
  readonly seconds: number;
  readonly why: string;
}

export interface ColdStart {
  readonly model: string;
  readonly steps: readonly ColdStartStep[];
  readonly seconds: number;
}

/** The alarm that leaves zero has a period of 30 seconds, and its metric arrives within the next period. */
const ALARM_SECONDS = 60;

/**
 * Estimates how long the first request waits. The times of AWS are assumptions; the times of the weights follow from their
 * size.
 *
 * @param model `weightBytes` is the size of the weights as stored
 */
export function coldStart(
  model: { readonly id: string; readonly source: 's3' | 'hub'; readonly weightBytes: number },
  assumptions: Prices['assumptions'],
): ColdStart {
  const gib = model.weightBytes / 1024 ** 3;
  const rate = model.source === 's3' ? assumptions.s3GibPerSecond : assumptions.hubGibPerSecond;
  const from = model.source === 's3' ? 'S3' : 'the Hugging Face hub';
  const steps: readonly ColdStartStep[] = [
    {
      name: 'alarm',
      seconds: ALARM_SECONDS,
      why: 'the alarm on NoCapacityInvocationFailures has a period of 30 s and goes off after one period',
    },
    {
      name: 'instance',
      seconds: assumptions.instanceSeconds,
      why: 'SageMaker starts an instance (assumed; longer if capacity is short)',
    },
    {
      name: 'image',
      seconds: assumptions.imageSeconds,
      why: 'the instance pulls the server’s image from ECR (assumed)',
    },
    {
      name: 'download',
      seconds: gib / rate,
      why: `${gib.toFixed(1)} GiB of weights from ${from} at ${rate} GiB/s (assumed)`,
    },
    {
      name: 'load',
      seconds: gib / assumptions.loadGibPerSecond,
      why: `${gib.toFixed(1)} GiB from disk to the GPUs at ${assumptions.loadGibPerSecond} GiB/s (assumed)`,
    },
    {
      name: 'engine',
      seconds: assumptions.engineSeconds,
      why: 'vLLM compiles, captures CUDA graphs and reports health (assumed)',
    },
  ];
  return { model: model.id, steps, seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0) };
}
