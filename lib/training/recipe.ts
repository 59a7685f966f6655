/** What of a recipe decides memory, time and checkpoints. The defaults are those of training/sft. */
export interface Recipe {
  /** `full` trains all weights, `lora` the two small matrices beside each linear layer. */
  readonly method: 'full' | 'lora';
  /**
   * What the data is: rows of question, thought and answer (`sft`), pairs (`dpo`), judged answers (`kto`), or questions with their right
   * answer, which the model answers itself (`grpo`).
   *
   * @default 'sft'
   */
  readonly task?: 'sft' | 'dpo' | 'kto' | 'grpo' | undefined;
  /**
   * How strongly the model is held near the one before, with `dpo`, `kto` and `grpo`.
   *
   * @default 0.1; 0 with `grpo`, which then needs no second model
   */
  readonly beta?: number | undefined;
  /**
   * Answers that are sampled to each question, with `grpo`.
   *
   * @default 8
   */
  readonly generations?: number | undefined;
  /**
   * Most tokens of a row.
   *
   * @default 32768, s1's
   */
  readonly blockSize?: number | undefined;
  /**
   * Rows of one step, of all GPUs together.
   *
   * @default 16
   */
  readonly batchSize?: number | undefined;
  /**
   * Rows in the memory of one GPU.
   *
   * @default 1
   */
  readonly microBatchSize?: number | undefined;
  /** @default 5 */
  readonly epochs?: number | undefined;
  /** @default - by `epochs` */
  readonly maxSteps?: number | undefined;
  /**
   * Rank of the adapter, with `lora`.
   *
   * @default 16
   */
  readonly loraRank?: number | undefined;
  /**
   * Names of the layers with an adapter, with commas.
   *
   * @default 'all-linear'
   */
  readonly loraTargets?: string | undefined;
  /**
   * Whether weights, gradients and optimizer are shared by all GPUs. `auto`: with several GPUs.
   *
   * @default 'auto'
   */
  readonly fsdp?: 'auto' | 'on' | 'off' | undefined;
  /**
   * Whether activations are computed again instead of kept. `auto`: yes.
   *
   * @default 'auto'
   */
  readonly activationCheckpointing?: 'auto' | 'on' | 'off' | undefined;
  /**
   * Whether a sequence has several rows.
   *
   * @default false
   */
  readonly packing?: boolean | undefined;
}

/** Instances of a training job. */
export interface TrainingInstances {
  /** For instance `ml.p5.48xlarge`. */
  readonly instanceType: string;
  readonly instanceCount: number;
}

/** Defaults of training/sft/options.py. A test compares them. */
export const recipeDefaults = {
  blockSize: 32_768,
  batchSize: 16,
  microBatchSize: 1,
  epochs: 5,
  generations: 8,
  saveSteps: 25,
} as const;

/** Rank of an adapter if the recipe has none. The script trains all weights without one. */
export const DEFAULT_LORA_RANK = 16;
