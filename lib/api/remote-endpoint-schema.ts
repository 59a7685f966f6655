import { z } from 'zod';

const name = z
  .string()
  .regex(/^[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}$/, 'Expected a name of at most 63 letters, digits and dashes');

/** A SageMaker endpoint that exists already, usually in another region of the account. */
export const remoteEndpointSchema = z.strictObject({
  kind: z.literal('sagemaker'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'Expected a region, for instance "eu-west-1"')
    .describe('Region of the endpoint: that of the stage, or one of `api.fallbackRegions`.'),
  endpointName: name.describe('Name of an endpoint of the account in that region.'),
  inferenceComponentName: name.optional().describe('Inference component. Required if the endpoint has any.'),
  servedModelName: z
    .string()
    .min(1)
    .optional()
    .describe('Name of the model at the server (vLLM’s `--served-model-name`).'),
});
