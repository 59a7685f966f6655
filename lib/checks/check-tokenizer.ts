import type { FormatName } from '../../lambda/forcing/format.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * Refuses a model without a tokenizer whose family has no common one, and a tokenizer route that cannot be reached.
 *
 * @param tokenizer path of a tokenizer.json, or `endpoint` for the model's server
 * @param familyTokenizer tokenizer.json that all models of the format share; `undefined` if they differ
 */
export function checkTokenizer(
  { id, canTokenize }: { readonly id: string; readonly canTokenize: boolean },
  format: FormatName,
  tokenizer: string | undefined,
  familyTokenizer: string | undefined,
): Refusal | undefined {
  if (tokenizer === 'endpoint' && !canTokenize) {
    return {
      code: 'tokenizer-route',
      sentence: `tokenizer of ${id} is "endpoint", but only AWS's vLLM images accept routes other than /invocations through an endpoint, so the server's tokenizer cannot be reached: write the path of the tokenizer.json beside the weights, or an image "server-sagemaker-cuda-…".`,
      source: 'https://aws.github.io/deep-learning-containers/vllm/configuration/',
    };
  }
  if (tokenizer !== undefined || familyTokenizer !== undefined) return undefined;
  return {
    code: 'tokenizer',
    sentence: `tokenizer of ${id} is missing, but models of format "${format}" have different vocabularies, so budgets would be counted with wrong ids: write the path of the tokenizer.json beside the weights, or "endpoint" to use the model's server.`,
    source: `https://huggingface.co/docs/tokenizers/index`,
  };
}
