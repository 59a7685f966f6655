import { groupDigits } from '../facts/group-digits.ts';
import { type Architecture, parameters } from './architecture.ts';
import { type GpuMemory, type MemorySettings, weightBitsOf } from './gpu-memory.ts';
import { DEFAULT_GPU_MEMORY_SHARE } from './vllm-settings.ts';

/** Writes out the whole calculation of a GPU's memory, so that a reader can repeat it. Its parts are separated by "; ". */
export function memoryInWords(
  shape: Architecture,
  settings: MemorySettings,
  memory: GpuMemory,
  contextTokens: number,
): string {
  const { linear, embedding } = parameters(shape);
  const share = settings.gpuMemoryShare ?? DEFAULT_GPU_MEMORY_SHARE;
  const request = contextTokens * memory.cachePerToken;
  return [
    `each GPU has ${gib(memory.total)} GiB, of which vLLM may use ${share * 100} %: ${gib(memory.usable)} GiB`,
    `its part of ${billions(linear + embedding)} weights (${weightBitsOf(settings)} bits, embeddings 16) takes ${gib(memory.weights)} GiB`,
    `activations and CUDA graphs take about ${gib(memory.runtime)} GiB`,
    `one request of ${groupDigits(contextTokens)} tokens × ${groupDigits(memory.cachePerToken)} bytes (${shape.layers} layers, ${shape.keyValueHeads} KV heads, ${settings.kvCacheDtype ?? '16 bits'}) takes ${gib(request)} GiB, and the KV cache holds ${groupDigits(Math.max(0, memory.cacheTokens))} tokens`,
  ].join('; ');
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

function billions(count: number): string {
  return `${(count / 1e9).toFixed(1)} billion`;
}
