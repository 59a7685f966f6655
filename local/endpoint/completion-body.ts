import { z } from 'zod';

/** Below it, logits that are divided by the penalty leave the range of the engine's 32-bit numbers. */
const MIN_REPETITION_PENALTY = 0.01;

/**
 * Body of vLLM's text completion, as far as the embedded endpoint supports it. Defaults are vLLM's: `max_tokens` 16,
 * `skip_special_tokens` true.
 *
 * Source: `CompletionRequest` in vLLM's `vllm/entrypoints/openai/protocol.py`.
 */
const completionBodySchema = z.strictObject({
  prompt: z.union([z.array(z.int().min(0)).min(1), z.string().min(1)]),
  model: z.string().nullish(),
  stream: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  max_tokens: z
    .int()
    .min(1)
    .nullish()
    .transform((value) => value ?? 16),
  min_tokens: z
    .int()
    .min(0)
    .nullish()
    .transform((value) => value ?? 0),
  stop: z
    .union([z.string(), z.array(z.string())])
    .nullish()
    .transform((value) => (typeof value === 'string' ? [value] : (value ?? []))),
  stop_token_ids: z
    .array(z.int().min(0))
    .nullish()
    .transform((value) => value ?? []),
  ignore_eos: z.boolean().nullish(),
  include_stop_str_in_output: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  skip_special_tokens: z
    .boolean()
    .nullish()
    .transform((value) => value ?? true),
  return_token_ids: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  temperature: z
    .number()
    .min(0)
    .max(2)
    .nullish()
    .transform((value) => value ?? 1),
  top_p: z
    .number()
    .gt(0)
    .max(1)
    .nullish()
    .transform((value) => value ?? 1),
  top_k: z
    .int()
    .min(-1)
    .nullish()
    .transform((value) => value ?? 0),
  min_p: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .transform((value) => value ?? 0),
  repetition_penalty: z
    .number()
    .min(MIN_REPETITION_PENALTY)
    .max(1 / MIN_REPETITION_PENALTY)
    .nullish()
    .transform((value) => value ?? 1),
  frequency_penalty: z
    .number()
    .min(-2)
    .max(2)
    .nullish()
    .transform((value) => value ?? 0),
  presence_penalty: z
    .number()
    .min(-2)
    .max(2)
    .nullish()
    .transform((value) => value ?? 0),
  seed: z
    .int()
    .nullish()
    .transform((value) => value ?? undefined),
  structured_outputs: z
    .union([
      z.strictObject({ json: z.record(z.string(), z.unknown()) }),
      z.strictObject({ json_object: z.literal(true) }),
    ])
    .nullish(),
  echo: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  logprobs: z.int().min(0).max(20).nullish(),
  n: z.literal(1).nullish(),
  user: z.string().nullish(),
  cache_salt: z.string().nullish(),
  priority: z.int().nullish(),
});
export type CompletionBody = z.infer<typeof completionBodySchema>;

/** vLLM's response to an invalid request. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';

  get body() {
    return { error: { message: this.message, type: 'BadRequestError', param: null, code: 400 } };
  }
}

/** @throws {BadRequestError} if the body is invalid, with vLLM's error text */
export function parseCompletionBody(text: string): CompletionBody {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new BadRequestError('The body is not valid JSON.');
  }
  const parsed = completionBodySchema.safeParse(input);
  if (!parsed.success) throw new BadRequestError(z.prettifyError(parsed.error));
  if (parsed.data.min_tokens > parsed.data.max_tokens) {
    throw new BadRequestError(
      `min_tokens must be less than or equal to max_tokens=${parsed.data.max_tokens}, got ${parsed.data.min_tokens}.`,
    );
  }
  return parsed.data;
}
