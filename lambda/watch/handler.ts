import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as z from 'zod';
import { findTransitions } from './find-transitions.ts';
import { stuckLine } from './stuck-metric.ts';

/** Environment of the function. Component names are separated by commas. */
const environmentSchema = z.object({
  ENDPOINT_NAME: z.string().min(1),
  COMPONENT_NAMES: z.string().transform((names) => names.split(',').filter((name) => name !== '')),
});

const { ENDPOINT_NAME: endpointName, COMPONENT_NAMES: componentNames } = environmentSchema.parse(process.env);
const sageMaker = new SageMakerClient();

/** Entry point of the function that a schedule calls: writes for how long something of the endpoint has been in transition. */
export const handler = async (): Promise<void> => {
  const now = Date.now();
  const transitions = await findTransitions(sageMaker, endpointName, componentNames, now);
  process.stdout.write(`${JSON.stringify(stuckLine(endpointName, transitions, now))}\n`);
};
