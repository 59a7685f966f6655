import type { Turn } from '../forcing/format.ts';
import type { Limits } from '../forcing/report.ts';
import type { GenerationRecorder, RecordedGeneration, RecordedSample } from '../generation/recorded-generation.ts';
import type { RouteAttempt } from '../generation/route-account.ts';
import type { FeedbackStore } from './feedback-store.ts';
import type { StoredBudget, StoredContent } from './stored-generation.ts';

/** Returns what stores a generation of a client that consented, under the id of its response. */
export function generationRecorder(
  store: Pick<FeedbackStore, 'store'>,
  { id, key, user }: { readonly id: string; readonly key: string; readonly user: string | undefined },
): GenerationRecorder {
  return async (recorded) => {
    const { limits, policy, samples, winner } = recorded;
    const answer = samples.find(({ index }) => index === winner) ?? samples[0];
    const { thinking_tokens, answer_tokens } = answer?.account ?? {};
    await store.store({
      id,
      key,
      user,
      model: answer?.model ?? recorded.request.model.settings.id,
      budget: toBudget(limits),
      policy,
      ...(thinking_tokens === undefined ? {} : { thinking_tokens }),
      ...(answer_tokens === undefined ? {} : { answer_tokens }),
      content: toContent(recorded),
    });
  };
}

function toContent({
  request,
  outcome,
  samples,
  winner,
}: RecordedGeneration): Omit<StoredContent, 'id' | 'created' | 'budget' | 'policy'> {
  const { model, tools, prefix } = request;
  return {
    messages: model.withSystem(request.turns).map(toMessage),
    ...(tools === undefined ? {} : { tools: tools.tools.map((tool) => ({ ...tool })) }),
    ...(prefix === undefined ? {} : { prefix }),
    model: model.settings.id,
    outcome,
    samples: samples.map(toSample),
    ...(winner === undefined ? {} : { winner }),
  };
}

function toBudget({ minTokens, maxTokens, waits }: Limits): StoredBudget {
  return { min_tokens: minTokens, max_tokens: maxTokens, waits };
}

function toMessage({ role, content, thinking, calls, callId }: Turn): StoredContent['messages'][number] {
  return {
    role,
    content: content.map((part) => ('text' in part ? part.text : part.control)).join(''),
    ...(thinking === undefined ? {} : { thinking }),
    ...(calls === undefined ? {} : { tool_calls: calls.map((call) => ({ ...call })) }),
    ...(callId === undefined ? {} : { tool_call_id: callId }),
  };
}

function toSample({ attempts, forced, ...sample }: RecordedSample): StoredContent['samples'][number] {
  return {
    ...sample,
    forced: { thinking: [...forced.thinking], answer: [...forced.answer] },
    ...(attempts === undefined ? {} : { attempts: attempts.map(toAttempt) }),
  };
}

function toAttempt({ model, reason, promptTokens, completionTokens, confidence, failure }: RouteAttempt) {
  return {
    model,
    reason,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    ...(confidence === undefined ? {} : { confidence }),
    ...(failure === undefined ? {} : { failure }),
  };
}
