import type { ForcingReport } from '../../forcing/report.ts';
import type { ChatUsage } from '../../generation/usage.ts';
import type { BudgetReport } from '../budget-report.ts';
import type { ResponsesRequest } from './request.ts';

export interface ResponseIdentity {
  /** `resp_…` */
  readonly id: string;
  /** Unix time, in seconds. */
  readonly created: number;
  readonly request: ResponsesRequest;
}

/** The state of a response. */
export type ResponseState =
  | { readonly status: 'queued' | 'in_progress' | 'cancelled' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }
  | {
      readonly status: 'ended';
      /** Unix time, in seconds. */
      readonly at: number;
      readonly report: ForcingReport;
      readonly budgetReport: BudgetReport;
      readonly usage: ChatUsage;
    };

/** The response object: the request's parameters, and the output so far. */
export function responseOf(
  { id, created, request }: ResponseIdentity,
  output: readonly unknown[],
  state: ResponseState,
) {
  const cut = state.status === 'ended' && state.report.finishReason === 'length';
  return {
    id,
    object: 'response',
    created_at: created,
    completed_at: state.status === 'ended' && !cut ? state.at : null,
    background: request.background ?? false,
    status: state.status === 'ended' ? (cut ? 'incomplete' : 'completed') : state.status,
    error: state.status === 'failed' ? { code: state.code, message: state.message } : null,
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    store: isStored(request),
    temperature: request.temperature ?? null,
    presence_penalty: request.presence_penalty ?? 0,
    frequency_penalty: request.frequency_penalty ?? 0,
    top_logprobs: 0,
    max_tool_calls: null,
    service_tier: 'default',
    safety_identifier: request.safety_identifier ?? null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).map(echoedTool),
    top_p: request.top_p ?? null,
    truncation: 'disabled',
    usage: state.status === 'ended' ? usageOf(state.usage) : null,
    user: request.user ?? null,
    ...(state.status === 'ended' ? { budget_forcing: state.budgetReport } : {}),
  };
}

/** Whether the client asks to store the response. One that runs in the background is. */
export function isStored({ store, background }: Pick<ResponsesRequest, 'store' | 'background'>): boolean {
  return store ?? background ?? false;
}

/** A tool as the response echoes it: with all members that OpenAI's schema requires of a function. */
function echoedTool(tool: NonNullable<ResponsesRequest['tools']>[number]) {
  if (tool.type !== 'function') return tool;
  return { description: null, parameters: null, strict: null, ...tool };
}

function usageOf(usage: ChatUsage) {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: usage.prompt_tokens_details,
    output_tokens: usage.completion_tokens,
    output_tokens_details: usage.completion_tokens_details,
    total_tokens: usage.total_tokens,
  };
}
