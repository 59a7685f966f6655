import type { Server } from './images.ts';

/** Flags of `vllm serve` that the function or the memory check relies on, and that therefore have a field or are not a choice. */
interface ReservedFlag {
  /** Names without dashes in front, and without `no-`. */
  readonly flags: readonly string[];
  /** What relies on the value. */
  readonly why: string;
  /** What to write instead. */
  readonly instead: string;
}

const reserved: readonly ReservedFlag[] = [
  { flags: ['served-model-name'], why: 'requests name the model by its id', instead: 'write models[].id' },
  {
    flags: ['max-model-len'],
    why: 'budgets and the memory check rely on the window',
    instead: 'write vllm.contextTokens',
  },
  {
    flags: ['tensor-parallel-size', 'tensor-parallel-degree'],
    why: 'SageMaker reserves this number of GPUs for a copy',
    instead: 'write vllm.tensorParallel',
  },
  {
    flags: [
      'pipeline-parallel-size',
      'pipeline-parallel-degree',
      'data-parallel-size',
      'data-parallel-size-local',
      'data-parallel-backend',
      'decode-context-parallel-size',
      'prefill-context-parallel-size',
      'enable-expert-parallel',
      'nnodes',
    ],
    why: 'the memory check knows a copy whose GPUs share each layer',
    instead: 'leave it out; vllm.tensorParallel is the number of GPUs of a copy, and copies.max the number of copies',
  },
  {
    flags: ['model', 'model-id', 'revision', 'hf-config-path'],
    why: 'the weights are those of source, which the role may read and the memory check knows',
    instead: 'write models[].source',
  },
  {
    flags: ['tokenizer', 'tokenizer-revision', 'skip-tokenizer-init'],
    why: 'the function and the server have to count the same token ids',
    instead: 'write models[].tokenizer, and put the tokenizer.json beside the weights',
  },
  {
    flags: ['gpu-memory-utilization', 'kv-cache-memory-bytes', 'cpu-offload-gb'],
    why: 'the memory check relies on it',
    instead: 'write vllm.gpuMemoryShare',
  },
  { flags: ['dtype'], why: 'the memory check relies on it', instead: 'write vllm.dtype' },
  { flags: ['quantization', 'quantize'], why: 'the memory check relies on it', instead: 'write vllm.quantization' },
  { flags: ['kv-cache-dtype'], why: 'the memory check relies on it', instead: 'write vllm.kvCacheDtype' },
  {
    flags: ['max-num-seqs', 'max-rolling-batch-size'],
    why: 'memory and scaling rely on it',
    instead: 'write vllm.maxSequences',
  },
  { flags: ['enable-prefix-caching'], why: 'it has a field', instead: 'write vllm.prefixCaching' },
  { flags: ['enable-chunked-prefill'], why: 'it has a field', instead: 'write vllm.chunkedPrefill' },
  { flags: ['enable-lora', 'lora-modules'], why: 'it follows from the adapters', instead: 'write models[].adapters' },
  {
    flags: ['port', 'host', 'uds', 'root-path', 'ssl-keyfile', 'ssl-certfile', 'ssl-ca-certs', 'ssl-cert-reqs'],
    why: 'SageMaker calls /ping and /invocations by HTTP on port 8080 of all addresses, so the health check would never pass',
    instead: 'leave it out',
  },
  {
    flags: ['api-key'],
    why: 'SageMaker passes no key on, so the server would answer every call with 401',
    instead: 'leave it out; api.apiKey protects the API',
  },
  {
    flags: ['enable-prompt-tokens-details', 'return-tokens-as-token-ids'],
    why: "the account of a request is read from the server's responses",
    instead: 'leave it out',
  },
  {
    flags: ['enable-log-requests', 'enable-log-outputs'],
    why: 'it would write prompts or answers into CloudWatch Logs',
    instead: 'leave it out',
  },
  {
    flags: ['rolling-batch', 'async-mode', 'entrypoint', 'engine'],
    why: "the function needs the handler that returns vLLM's own responses",
    instead: 'leave it out',
  },
];

/** Returns what relies on a flag and what to write instead. `undefined` if the flag is free. */
export function reservedFlag(flag: string): { readonly why: string; readonly instead: string } | undefined {
  const name = flag.replaceAll('_', '-').replace(/^no-/, '');
  return reserved.find(({ flags }) => flags.includes(name));
}

/** Prefix of the variables that the image of a server turns into its arguments. */
export const argumentPrefix: Readonly<Record<Server, string>> = { vllm: 'SM_VLLM_', lmi: 'OPTION_' };

/** Prefixes of arguments of other images, which a server ignores. */
export function foreignPrefix(server: Server, variable: string): string | undefined {
  const own = argumentPrefix[server];
  const foreign = ['SM_VLLM_', 'SM_SGLANG_', 'OPTION_', 'TENSORRT_LLM_'].filter((prefix) => prefix !== own);
  return foreign.find((prefix) => variable.startsWith(prefix));
}

/** Returns what relies on a variable that is no argument of the server. `undefined` if the variable is free. */
export function reservedVariable(name: string): { readonly why: string; readonly instead: string } | undefined {
  return reservedVariables.find(({ variables }) => variables.includes(name));
}

const reservedVariables = [
  {
    variables: ['HF_MODEL_ID'],
    why: 'the weights are those of source, which the memory check knows',
    instead: 'write models[].source { kind: "hub", id }',
  },
  {
    variables: ['SAGEMAKER_BIND_TO_PORT', 'SERVING_PORT', 'VLLM_PORT', 'VLLM_HOST_IP'],
    why: 'SageMaker calls port 8080 of the container, so the health check could fail',
    instead: 'leave it out',
  },
  {
    variables: ['TENSOR_PARALLEL_DEGREE'],
    why: 'SageMaker reserves this number of GPUs for a copy',
    instead: 'write vllm.tensorParallel',
  },
  {
    variables: ['VLLM_API_KEY'],
    why: 'SageMaker passes no key on, so the server would answer every call with 401',
    instead: 'leave it out; api.apiKey protects the API',
  },
];
