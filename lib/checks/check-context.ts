import { limits } from '../facts/aws-limits.ts';
import { groupDigits } from '../facts/group-digits.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * Refuses a served window that is larger than the model's own.
 *
 * @param contextTokens window that the model was trained for, in tokens
 * @param servedTokens window that vLLM would serve, in tokens
 */
export function checkContextWindow(id: string, contextTokens: number, servedTokens: number): Refusal | undefined {
  if (servedTokens <= contextTokens) return undefined;
  return {
    code: 'context-window',
    sentence: `vllm.contextTokens of ${id} is ${groupDigits(servedTokens)}, but the model's window (contextTokens) is ${groupDigits(contextTokens)}, and vLLM does not start with more: write ${contextTokens} or less, or the model's true window.`,
    source: 'https://docs.vllm.ai/en/latest/configuration/engine_args.html',
  };
}

/** Refuses a window whose token ids do not fit the body of a call. */
export function checkPayload(id: string, servedTokens: number): Refusal | undefined {
  const { max, source } = limits.invocationBytes;
  if (servedTokens * BYTES_PER_ID <= max) return undefined;
  return {
    code: 'payload-size',
    sentence: `The window of ${id} has ${groupDigits(servedTokens)} tokens, which take up to ${groupDigits(servedTokens * BYTES_PER_ID)} bytes as token ids, but SageMaker accepts bodies of up to ${groupDigits(max)} bytes: write vllm.contextTokens ${Math.floor(max / BYTES_PER_ID)} or less.`,
    source,
  };
}

/** Longest token id and its comma, in bytes. */
const BYTES_PER_ID = 7;
