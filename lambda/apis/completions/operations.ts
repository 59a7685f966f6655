import * as z from 'zod';
import { type ApiDescription, answered, body, refused } from '../operation.ts';
import { errorSchema } from '../response-schemas.ts';
import { completionRequestSchema } from './request.ts';
import { completionChunkSchema, completionSchema } from './response-schemas.ts';

/** OpenAPI description of completions. */
export const description: ApiDescription<'createCompletion'> = {
  operations: {
    createCompletion: {
      tags: ['answers'],
      summary: 'Completions of raw prompts',
      description:
        'Off unless the deployment (`api.rawPrompts`) and the key (`raw_prompts`) allow raw prompts. Control strings and ids in `prompt` are control tokens. Without a budget it is a plain completion, as in vLLM; with one, the format opens the thinking after the prompt.',
      requestBody: body('CompletionRequest', {
        model: 'my-model',
        prompt: '<|im_start|>user\nWhat is 37 + 58?<|im_end|>\n<|im_start|>assistant\n<|im_start|>think',
        max_tokens: 256,
        stop_token_ids: [151_644, 151_645],
        skip_special_tokens: false,
      }),
      responses: { ...answered('Completion', 'CompletionEvent'), ...refused('Error', 'run') },
    },
  },
  requestSchemas: { CompletionRequest: completionRequestSchema },
  responseSchemas: {
    Completion: completionSchema,
    CompletionEvent: z.union([completionChunkSchema, errorSchema]),
    CompletionChunk: completionChunkSchema,
  },
};
