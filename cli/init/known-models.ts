import type { ModelConfigInput } from '../../lib/config.ts';

/** What a config says about a model, apart from where its weights are and how many copies there are. */
export type ModelDraft = Pick<
  ModelConfigInput,
  'format' | 'contextTokens' | 'architecture' | 'tokenizer' | 'defaultTemperature'
>;

/** A model that `init` knows, and where it is published. */
export interface KnownModel extends ModelDraft {
  /** Name on the Hugging Face hub. */
  readonly hub: string;
  /** Commit of the hub that is known to work. If omitted, the hub is asked for the newest. */
  readonly revision?: string;
}

const r1 = { format: 'r1', tokenizer: 'endpoint', contextTokens: 65_536, defaultTemperature: 0.6 } as const;
const qwen3 = { format: 'qwen3', contextTokens: 40_960 } as const;

/** Models by the names that clients write. The first is the default. */
export const knownModels: Readonly<Record<string, KnownModel>> = {
  's1-32b': { hub: 'simplescaling/s1-32B', format: 's1', contextTokens: 32_768, architecture: 'qwen2.5-32b' },
  's1.1-32b': { hub: 'simplescaling/s1.1-32B', format: 's1', contextTokens: 32_768, architecture: 'qwen2.5-32b' },
  'qwen3-0.6b': {
    ...qwen3,
    hub: 'Qwen/Qwen3-0.6B',
    revision: 'c1899de289a04d12100db370d81485cdf75e47ca',
    contextTokens: 32_768,
    architecture: 'qwen3-0.6b',
  },
  'qwen3-4b': { ...qwen3, hub: 'Qwen/Qwen3-4B', architecture: 'qwen3-4b' },
  'qwen3-8b': { ...qwen3, hub: 'Qwen/Qwen3-8B', architecture: 'qwen3-8b' },
  'qwen3-14b': { ...qwen3, hub: 'Qwen/Qwen3-14B', architecture: 'qwen3-14b' },
  'qwen3-32b': { ...qwen3, hub: 'Qwen/Qwen3-32B', architecture: 'qwen3-32b' },
  'r1-distill-8b': { ...r1, hub: 'deepseek-ai/DeepSeek-R1-Distill-Llama-8B', architecture: 'llama3-8b' },
  'r1-distill-32b': { ...r1, hub: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', architecture: 'qwen2.5-32b' },
  'r1-distill-70b': { ...r1, hub: 'deepseek-ai/DeepSeek-R1-Distill-Llama-70B', architecture: 'llama3-70b' },
  'magistral-small': {
    hub: 'mistralai/Magistral-Small-2506',
    format: 'magistral',
    tokenizer: 'endpoint',
    contextTokens: 40_960,
    architecture: 'mistral-small-24b',
  },
};
