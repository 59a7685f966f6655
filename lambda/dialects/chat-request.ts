import * as z from 'zod';
import { budgetFields, SHORT_TEXT } from './budget-dialects.ts';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1)]);

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content, name: z.string().optional() }),
  z.strictObject({ role: z.literal('developer'), content, name: z.string().optional() }),
  z.strictObject({ role: z.literal('user'), content, name: z.string().optional() }),
  z.strictObject({
    role: z.literal('assistant'),
    content,
    name: z.string().optional(),
    refusal: z.null().optional(),
    /** Thoughts of earlier turns may be sent back as they came; the model does not get to see them. */
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
  }),
]);

/** The body of `POST /v1/chat/completions`. What cannot be served is refused by name. */
export const chatRequestSchema = z.strictObject({
  model: z.string().min(1).max(128),
  messages: z.array(message).min(1).max(2_048),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish(),
  ...budgetFields,
  /** Thinking and answer together. */
  max_completion_tokens: z.int().min(1).nullish(),
  /** The older name of `max_completion_tokens`. */
  max_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1).max(SHORT_TEXT), z.array(z.string().min(1).max(SHORT_TEXT)).max(4)]).nullish(),
  /** Samples of the answer, each with its own budget. */
  n: z.int().min(1).max(16).nullish(),
  /** Answers with the one that most of `n` samples give. Ours, not OpenAI's. */
  vote: z.boolean().nullish(),
  logprobs: z.literal(false).nullish(),
  response_format: z.strictObject({ type: z.literal('text') }).nullish(),
  user: z.string().max(512).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  store: z.literal(false).nullish(),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;
