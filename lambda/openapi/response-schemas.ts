import * as z from 'zod';

/** What the API answers with, for its OpenAPI document. The tests hold every real answer against these. */

const count = z.int().min(0);
const unixSeconds = z.int().describe('Unix time. Seconds.');
const text = z.string();

export const errorSchema = z.strictObject({
  error: z.strictObject({
    message: text.describe('What is wrong, and what to write instead.'),
    type: text,
    param: text.nullable().describe('The field that is wrong.'),
    code: text.nullable(),
  }),
});

export const messagesErrorSchema = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({ type: text, message: text }),
  request_id: text,
});

export const budgetForcingSchema = z
  .strictObject({
    thinking_tokens: count,
    answer_tokens: count,
    delimiter_tokens: count.describe('Forced tokens that only close the thinking and open the answer.'),
    end_reason: z
      .enum(['model', 'budget', 'deadline', 'loop', 'load', 'disabled'])
      .nullable()
      .describe('Why the thinking ended.'),
    waits: count.describe('How often the wait text was appended.'),
    segments: count.describe('Calls of the model.'),
    sampled_tokens: count,
    forced_tokens: count,
    discarded_tokens: count,
    minimum_missed: z.enum(['cut', 'server_ignores_min_tokens']).nullable(),
    limits: z.strictObject({
      min_tokens: count,
      max_tokens: count,
      waits: count,
      max_answer_tokens: count,
      set_by: z
        .strictObject({ min_tokens: text, max_tokens: text, waits: text, max_answer_tokens: text })
        .describe('A field of the request, `default`, or what made the limit shrink.'),
      shrunk: z.array(z.strictObject({ limit: text, from: count, to: count, because: text })),
    }),
    load: z
      .strictObject({
        elastic: z.boolean(),
        wanted: count.describe('Thinking tokens that were asked for at most.'),
        granted: count.describe('Thinking tokens at most when it was let in.'),
        floor: count.describe('Below this it cannot shrink.'),
        set_by: z.enum(['request', 'load']).describe('Who set what was granted.'),
        copies: count,
        starting_copies: count,
        pressure: z.number().nullable().describe('How full the copies were; above 1 requests begin to wait.'),
        expected_wait_seconds: count,
      })
      .nullable()
      .describe('What the load of the endpoint made of the request. `null`: nobody looks at it.'),
    events: z.array(
      z.strictObject({
        kind: z.enum(['wait', 'suppress', 'cut', 'resume']),
        at: count.describe('The thinking token at which it happened.'),
        tokens: count.optional(),
        soft: z.literal(true).optional(),
      }),
    ),
    calls: z.array(
      z.strictObject({
        part: z.enum(['thinking', 'answer']),
        prompt_tokens: count,
        prompt_tokens_evaluated: count.nullable(),
        tokens: count,
        failure: text.nullable(),
      }),
    ),
  })
  .describe('The account of what was forced: `sampled - discarded + forced = thinking + answer + delimiter`.');

const chatUsage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count.describe('Thinking and answer together.'),
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count }),
});

const toolCall = {
  id: text,
  type: z.literal('function'),
  function: z.strictObject({ name: text, arguments: text.describe('JSON.') }),
} as const;

const tokenLogprob = { token: text, logprob: z.number(), bytes: z.array(z.int()).nullable() } as const;
const logprobs = z
  .strictObject({
    content: z.array(z.strictObject({ ...tokenLogprob, top_logprobs: z.array(z.strictObject(tokenLogprob)) })),
    refusal: z.null(),
  })
  .nullable()
  .describe('Of the sampled tokens of the answer, where they were asked for and the model’s server gives them.');

const finishReason = z.enum(['stop', 'length', 'tool_calls']);
const vote = z.strictObject({
  finished: count,
  of: count,
  counts: z.array(z.strictObject({ answer: text, votes: count })),
});

export const chatCompletionSchema = z.strictObject({
  id: text,
  object: z.literal('chat.completion'),
  created: unixSeconds,
  model: text,
  choices: z.array(
    z.strictObject({
      index: count,
      message: z.strictObject({
        role: z.literal('assistant'),
        content: text.nullable(),
        reasoning_content: text.describe('The thought.'),
        reasoning: text.describe('The same, by its other name.'),
        refusal: z.null(),
        tool_calls: z.array(z.strictObject(toolCall)).optional(),
      }),
      logprobs,
      finish_reason: finishReason,
      budget_forcing: budgetForcingSchema.optional(),
    }),
  ),
  usage: chatUsage,
  budget_forcing: budgetForcingSchema.optional().describe('Where there is one choice; else it stands in each.'),
  vote: vote.optional(),
});

export const chatChunkSchema = z
  .strictObject({
    id: text,
    object: z.literal('chat.completion.chunk'),
    created: unixSeconds,
    model: text,
    choices: z.array(
      z.strictObject({
        index: count,
        delta: z.strictObject({
          role: z.literal('assistant').optional(),
          content: text.optional(),
          reasoning_content: text.optional(),
          reasoning: text.optional(),
          tool_calls: z.array(z.strictObject({ index: count, ...toolCall })).optional(),
          forced: z.literal(true).optional().describe('This text was not sampled.'),
        }),
        logprobs,
        finish_reason: finishReason.nullable(),
      }),
    ),
    usage: chatUsage.optional(),
    budget_forcing: budgetForcingSchema.optional(),
    vote: vote.optional(),
  })
  .describe('The data of each event; the last is `[DONE]`. Comment lines keep the connection alive.');

const partOfText = z.strictObject({
  type: z.enum(['output_text', 'reasoning_text']),
  text,
  annotations: z.array(z.unknown()).optional(),
  logprobs: z.array(z.unknown()).optional(),
});
const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);
const outputItem = z.discriminatedUnion('type', [
  z.strictObject({
    id: text,
    type: z.literal('reasoning'),
    status: itemStatus,
    summary: z.array(z.unknown()).max(0),
    content: z.array(partOfText),
  }),
  z.strictObject({
    id: text,
    type: z.literal('message'),
    status: itemStatus,
    role: z.literal('assistant'),
    content: z.array(partOfText),
  }),
  z.strictObject({
    id: text,
    type: z.literal('function_call'),
    status: itemStatus,
    call_id: text,
    name: text,
    arguments: text,
  }),
]);

export const responseSchema = z.looseObject({
  id: text,
  object: z.literal('response'),
  created_at: unixSeconds,
  status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
  error: z.strictObject({ code: text, message: text }).nullable(),
  incomplete_details: z.strictObject({ reason: z.literal('max_output_tokens') }).nullable(),
  model: text,
  output: z.array(outputItem),
  previous_response_id: z.null().describe('Nothing is stored.'),
  store: z.literal(false),
  usage: z
    .strictObject({
      input_tokens: count,
      input_tokens_details: z.strictObject({ cached_tokens: count }),
      output_tokens: count,
      output_tokens_details: z.strictObject({ reasoning_tokens: count }),
      total_tokens: count,
    })
    .nullable(),
  budget_forcing: budgetForcingSchema.optional(),
});

export const responseEventSchema = z
  .looseObject({
    type: z.enum([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.output_text.delta',
      'response.output_text.done',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
      'response.incomplete',
      'response.failed',
    ]),
    sequence_number: count,
    response: responseSchema.optional(),
    item: outputItem.optional(),
    delta: text.optional(),
    forced: z.literal(true).optional().describe('This text was not sampled.'),
  })
  .describe('The data of each event, in OpenAI’s order.');

const messageUsage = z.strictObject({
  input_tokens: count.describe('Those that were not cached.'),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  output_tokens: count.describe('Thinking and answer together.'),
});

export const messageSchema = z.strictObject({
  id: text,
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: text,
  content: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('thinking'), thinking: text, signature: z.literal('') }),
      z.strictObject({ type: z.literal('text'), text }),
      z.strictObject({ type: z.literal('tool_use'), id: text, name: text, input: z.unknown() }),
    ]),
  ),
  stop_reason: z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use']).nullable(),
  stop_sequence: text.nullable(),
  usage: messageUsage,
  budget_forcing: budgetForcingSchema.optional(),
});

export const messageEventSchema = z
  .looseObject({
    type: z.enum([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'error',
    ]),
    message: messageSchema.optional(),
    index: count.optional(),
    usage: messageUsage.optional(),
    budget_forcing: budgetForcingSchema.optional(),
  })
  .describe('The data of each event, in Anthropic’s order.');

export const tokenCountSchema = z.strictObject({ input_tokens: count });

export const modelInfoSchema = z.strictObject({
  id: text,
  object: z.literal('model'),
  created: unixSeconds,
  owned_by: text,
  context_window: count.describe('Prompt, thinking and answer together. Tokens.'),
  price: z
    .strictObject({ prompt: z.number(), completion: z.number() })
    .nullable()
    .describe('Dollars for a million tokens.'),
  budget_forcing: z.strictObject({
    format: text.describe('How the family writes its thinking.'),
    default_max_tokens: count,
    max_tokens: count.describe('The most thinking that a request may ask for.'),
    default_max_answer_tokens: count,
    efforts: z.record(text, count).describe('What each `reasoning_effort` means. Thinking tokens.'),
    soft_landing: z.number().nullable(),
    detect_loops: z.boolean(),
  }),
});

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ object: z.literal('list'), data: z.array(item) });

export const usageRowSchema = z.strictObject({
  key: text.optional(),
  model: text.optional(),
  day: text.optional(),
  requests: count,
  running: count,
  lost: count.describe('Requests whose function died; their reservation was counted.'),
  prompt_tokens: count,
  cached_tokens: count,
  thinking_tokens: count,
  answer_tokens: count,
  forced_tokens: count,
  dollars: z.number(),
});

export const revokedSchema = z.strictObject({ id: text, revoked: z.literal(true) });
export const healthSchema = z.strictObject({ status: z.literal('ok') });
