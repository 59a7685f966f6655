/** Shape of a decoder, from which its memory follows. Each field names its counterpart in config.json. */
export interface Architecture {
  /** `hidden_size` */
  readonly hiddenSize: number;
  /** `intermediate_size` */
  readonly intermediateSize: number;
  /** `num_hidden_layers` */
  readonly layers: number;
  /** `num_attention_heads` */
  readonly heads: number;
  /** `num_key_value_heads` */
  readonly keyValueHeads: number;
  /** `head_dim`, or `hidden_size / num_attention_heads`. */
  readonly headSize: number;
  /** `vocab_size` */
  readonly vocabulary: number;
  /** `tie_word_embeddings`: whether input and output share one embedding matrix. */
  readonly tiedEmbeddings: boolean;
  /** `num_local_experts`: MLPs of `intermediateSize` in each layer, all of which are in memory. @default 1 */
  readonly experts?: number | undefined;
}

/** Shapes of well-known models, from the config.json of each on the Hugging Face hub. */
export const architectures = {
  'qwen2.5-1.5b': dense(1_536, 8_960, 28, 12, 2, 128, 151_936, true),
  'qwen2.5-7b': dense(3_584, 18_944, 28, 28, 4, 128, 152_064, false),
  'qwen2.5-14b': dense(5_120, 13_824, 48, 40, 8, 128, 152_064, false),
  /** Also s1-32B, s1.1-32B, QwQ-32B and DeepSeek-R1-Distill-Qwen-32B. */
  'qwen2.5-32b': dense(5_120, 27_648, 64, 40, 8, 128, 152_064, false),
  'qwen3-0.6b': dense(1_024, 3_072, 28, 16, 8, 128, 151_936, true),
  'qwen3-1.7b': dense(2_048, 6_144, 28, 16, 8, 128, 151_936, true),
  'qwen3-4b': dense(2_560, 9_728, 36, 32, 8, 128, 151_936, true),
  'qwen3-8b': dense(4_096, 12_288, 36, 32, 8, 128, 151_936, false),
  'qwen3-14b': dense(5_120, 17_408, 40, 40, 8, 128, 151_936, false),
  'qwen3-32b': dense(5_120, 25_600, 64, 64, 8, 128, 151_936, false),
  /** Also DeepSeek-R1-Distill-Llama-8B. */
  'llama3-8b': dense(4_096, 14_336, 32, 32, 8, 128, 128_256, false),
  /** Also DeepSeek-R1-Distill-Llama-70B. */
  'llama3-70b': dense(8_192, 28_672, 80, 64, 8, 128, 128_256, false),
  /** Also Magistral Small. */
  'mistral-small-24b': dense(5_120, 32_768, 40, 32, 8, 128, 131_072, false),
  /** Mixture of 256 experts, of which 8 are active. Also MiniMax-M2.1. */
  'minimax-m2': { ...dense(3_072, 1_536, 62, 48, 8, 128, 200_064, false), experts: 256 },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof architectures;

export const architectureNames = Object.keys(architectures) as [ArchitectureName, ...ArchitectureName[]];

/** Resolves the name of an architecture to its shape. */
export function toArchitecture(architecture: ArchitectureName | Architecture): Architecture {
  return typeof architecture === 'string' ? architectures[architecture] : architecture;
}

/** Counts the weights of linear layers (`linear`) and of the embedding matrices (`embedding`). */
export function parameters(shape: Architecture): { readonly linear: number; readonly embedding: number } {
  const attention = 2 * shape.hiddenSize * shape.headSize * (shape.heads + shape.keyValueHeads);
  const mlp = 3 * shape.hiddenSize * shape.intermediateSize * (shape.experts ?? 1);
  return {
    linear: shape.layers * (attention + mlp),
    embedding: shape.vocabulary * shape.hiddenSize * (shape.tiedEmbeddings ? 1 : 2),
  };
}

function dense(
  hiddenSize: number,
  intermediateSize: number,
  layers: number,
  heads: number,
  keyValueHeads: number,
  headSize: number,
  vocabulary: number,
  tiedEmbeddings: boolean,
): Architecture {
  return { hiddenSize, intermediateSize, layers, heads, keyValueHeads, headSize, vocabulary, tiedEmbeddings };
}
