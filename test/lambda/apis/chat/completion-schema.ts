import * as z from 'zod';

const call = z.looseObject({
  part: z.string(),
  prompt_tokens: z.int(),
  prompt_tokens_evaluated: z.int().nullable(),
  tokens: z.int(),
  failure: z.string().nullable(),
});

/** A chat completion as a client parses it: the parts that the tests read. */
const completionSchema = z.looseObject({
  choices: z.tuple([
    z.looseObject({
      finish_reason: z.string(),
      message: z.looseObject({ content: z.string().nullable(), reasoning_content: z.string() }),
      logprobs: z
        .looseObject({
          reasoning_content: z
            .array(z.looseObject({ token: z.string(), logprob: z.number().nullable(), forced: z.boolean().optional() }))
            .optional(),
        })
        .nullish(),
    }),
  ]),
  usage: z.looseObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    completion_tokens_details: z.looseObject({ reasoning_tokens: z.int() }),
  }),
  budget_forcing: z.looseObject({
    thinking_tokens: z.int(),
    waits: z.int(),
    forced_tokens: z.int(),
    calls: z.array(call),
    events: z.array(z.looseObject({ kind: z.string(), at: z.int() })),
    limits: z.looseObject({ shrunk: z.array(z.unknown()) }),
  }),
});
export type Completion = z.infer<typeof completionSchema>;

export async function completionOf(response: Response): Promise<Completion> {
  return completionSchema.parse(await response.json());
}

const errorSchema = z.looseObject({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullish(),
    code: z.string().nullish(),
  }),
});

export async function errorOf(response: Response): Promise<z.infer<typeof errorSchema>['error']> {
  return errorSchema.parse(await response.json()).error;
}
