import { createHash } from 'node:crypto';
import * as z from 'zod';

const count = z.int().min(0);

/** Limits of the thinking that were in force, in tokens. */
const budgetSchema = z.object({ min_tokens: count, max_tokens: count, waits: count });
export type StoredBudget = z.infer<typeof budgetSchema>;

/** What the table has of a stored generation: the pointer to its content, and what feedback is counted by. */
export const storedGenerationSchema = z.object({
  /** Id of the response. */
  id: z.string(),
  /** Id of the key that sent the request. */
  key: z.string(),
  /** Id of the model that answered. */
  model: z.string(),
  budget: budgetSchema,
  /** See `policyName`. */
  policy: z.string(),
  /** Tokens of the answer in the response. `undefined` if it was not completed. */
  thinking_tokens: count.optional(),
  answer_tokens: count.optional(),
  /** Unix time of the end of the request, in seconds. */
  created: z.int(),
  /** Unix time from which it no longer exists, in seconds. */
  ttl: z.int(),
  /** Name of the object with the content. */
  object: z.string(),
  /** SHA-256 of the request's `user`. The table never has the name itself. */
  user: z.string().optional(),
  /** Set while it is being deleted: to readers it no longer exists. */
  deleted: z.literal(true).optional(),
});
export type StoredGeneration = z.infer<typeof storedGenerationSchema>;

const text = z.string();
const forced = z.array(z.object({ at: count, length: count }));
const attempt = z.object({
  model: text,
  reason: text,
  prompt_tokens: count,
  completion_tokens: count,
  confidence: z.number().optional(),
  failure: text.optional(),
});

/** What a model wrote for one sample of a request. */
const sampleSchema = z.object({
  index: count,
  model: text,
  thinking: text,
  /** As the model wrote it, with its tool calls. */
  answer: text,
  /** Ranges of the texts that were forced, in UTF-16 code units. */
  forced: z.object({ thinking: forced, answer: forced }),
  /** Missing if the answer is not complete. */
  account: z
    .object({
      thinking_tokens: count,
      answer_tokens: count,
      waits: count,
      end_reason: text.nullable(),
      finish_reason: text.nullable(),
      confidence: z.number().optional(),
    })
    .optional(),
  attempts: z.array(attempt).optional(),
});

/** The content of a generation, which is an object of its own. */
export const contentSchema = z.object({
  id: text,
  created: z.int(),
  /** The conversation that the model saw, with its default system message. */
  messages: z.array(
    z.object({
      role: z.enum(['system', 'user', 'assistant', 'tool']),
      content: text,
      thinking: text.optional(),
      tool_calls: z.array(z.object({ id: text, name: text, arguments: text })).optional(),
      tool_call_id: text.optional(),
    }),
  ),
  tools: z.array(z.record(text, z.unknown())).optional(),
  /** The beginning of the output, if the request gave one. */
  prefix: z.object({ thinking: text.optional(), answer: text.optional() }).optional(),
  /** Id of the model of the request; of a route, of its first model. */
  model: text,
  budget: budgetSchema,
  policy: text,
  outcome: z.enum(['done', 'aborted', 'failed']),
  /** By index; of a vote, all that ran. */
  samples: z.array(sampleSchema),
  /** Index of the sample in the response, if the samples voted. */
  winner: count.optional(),
});
export type StoredContent = z.infer<typeof contentSchema>;

/** SHA-256 of the name of a user, under which the generations of the user are found. */
export function hashUser(user: string): string {
  return createHash('sha256').update(user).digest('hex');
}
