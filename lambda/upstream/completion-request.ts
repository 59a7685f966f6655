import type { AnswerStructure, SegmentRequest } from './segment-model.ts';

/**
 * Renders a segment as the body of vLLM's text completion. `prompt` comes first: prefix-aware routing compares the first bytes
 * of the body, and so sends a continued segment to the copy that holds its KV cache.
 *
 * Source: `CompletionRequest` in vLLM's `vllm/entrypoints/openai/protocol.py`.
 */
export function completionRequestBody(request: SegmentRequest, servedModelName: string | undefined): string {
  const { sampling } = request;
  return JSON.stringify({
    prompt: request.promptIds,
    model: servedModelName,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: request.maxTokens,
    min_tokens: request.minTokens,
    stop_token_ids: request.stopTokenIds,
    stop: request.stopTexts,
    skip_special_tokens: request.skipControls ?? false,
    return_token_ids: true,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    repetition_penalty: sampling.repetitionPenalty,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    seed: sampling.seed,
    cache_salt: request.cacheSalt,
    logprobs: request.topLogprobs,
    echo: request.promptLogprobs === true ? true : undefined,
    structured_outputs: structuredOutputs(request.structure),
  });
}

/** Source: `StructuredOutputsParams` in vLLM's `vllm/sampling_params.py` (0.11 or newer). */
function structuredOutputs(structure: AnswerStructure | undefined) {
  if (structure === undefined) return undefined;
  return structure.kind === 'json_object' ? { json_object: true } : { json: structure.schema };
}
