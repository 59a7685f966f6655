import type { Refusal } from '../facts/refusal.ts';

/** Refuses accelerations that lack a setting or exclude each other. */
export function checkAccelerations(
  modelId: string,
  {
    accelerations = [],
    draftModel,
  }: { readonly accelerations?: readonly string[] | undefined; readonly draftModel?: string | undefined },
  networkIsolation: boolean,
): readonly (Refusal | undefined)[] {
  const source = 'https://docs.vllm.ai/en/latest/features/spec_decode.html';
  const drafts = accelerations.includes('draft-model');
  const finding = (sentence: string): Refusal => ({ code: 'acceleration', sentence, source });
  return [
    drafts && accelerations.includes('ngram-speculation')
      ? finding(
          `vllm.accelerations of ${modelId} has ngram-speculation and draft-model, but a server has one method of drafting: write one of them.`,
        )
      : undefined,
    drafts && draftModel === undefined
      ? finding(
          `vllm.accelerations of ${modelId} has draft-model, but vllm.draftModel is missing: write vllm.draftModel, for instance "Qwen/Qwen2.5-0.5B-Instruct" for Qwen2.5.`,
        )
      : undefined,
    !drafts && draftModel !== undefined
      ? finding(
          `vllm.draftModel of ${modelId} is "${draftModel}", but vllm.accelerations does not use it: write "draft-model" into vllm.accelerations, or leave draftModel out.`,
        )
      : undefined,
    drafts && networkIsolation && draftModel !== undefined && !draftModel.startsWith('/')
      ? finding(
          `vllm.draftModel of ${modelId} ("${draftModel}") is downloaded from the hub, but the container has no network: put the draft model beside the weights and write its path, for instance "/opt/ml/model/draft", or write networkIsolation false.`,
        )
      : undefined,
  ];
}
