import * as z from 'zod';
import { defineUpstream } from './upstream.ts';

/** A model on a SageMaker endpoint whose container speaks vLLM's text completions. */
export const sageMaker = defineUpstream({
  settings: z.strictObject({
    kind: z.literal('sagemaker'),
    endpointName: z.string().min(1),
    /** Required if the endpoint has inference components. */
    inferenceComponentName: z.string().min(1).optional(),
    /** Value of `model` in the request body (vLLM's --served-model-name). */
    servedModelName: z.string().min(1).optional(),
    /** Region of the endpoint. If omitted, that of the function. */
    region: z.string().min(1).optional(),
  }),
  nameOf: ({ endpointName }) => endpointName,
  async connect() {
    const { createRuntimeClient, SageMakerModel, sageMakerRoute } = await import('./sagemaker-model.ts');
    const clients = new Map<string | undefined, ReturnType<typeof createRuntimeClient>>();
    return ({ region, ...target }) => {
      const client = clients.get(region) ?? createRuntimeClient(region);
      clients.set(region, client);
      return { segments: new SageMakerModel(client, target), tokenize: sageMakerRoute(client, target) };
    };
  },
});
