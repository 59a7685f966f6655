import { hasRegistry, REGISTRIES_SOURCE, repositoryOf } from '../facts/image-registries.ts';
import { type ContainerImage, DEFAULT_VLLM_TAG } from '../facts/images.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Refuses an image that an endpoint in the region cannot pull. */
export function checkImageRegistry(image: ContainerImage, region: string): Refusal | undefined {
  if (typeof image === 'string') {
    if (hasRegistry(region)) return undefined;
    return {
      code: 'image-registry',
      sentence: `region "${region}" has no registry of AWS's images that this version knows, so "${image}" cannot be pulled there: write another region, or image { uri, cuda } with a copy in your own registry.`,
      source: REGISTRIES_SOURCE,
    };
  }
  if (repositoryOf(image, region)?.region === region) return undefined;
  return {
    code: 'image-registry',
    sentence: `image "${image.uri}" is not in a private ECR repository of ${region}, and an endpoint cannot pull from any other registry (the public gallery included): write "<account>.dkr.ecr.${region}.amazonaws.com/<repository>:<tag>".`,
    source: REGISTRIES_SOURCE,
  };
}

/** Refuses SGLang images: their `/invocations` takes chat completions, which cannot continue thinking or return its ids. */
export function checkImageServer(image: ContainerImage): Refusal | undefined {
  if (typeof image === 'string' || !/\/([\w.-]*-)?sglang(-[\w.-]*)?[:@]/.test(image.uri)) return undefined;
  return {
    code: 'image-server',
    sentence: `image "${image.uri}" is SGLang, whose /invocations accepts chat completions only, so thinking could be neither continued nor counted by its token ids: write an image of vLLM, "${DEFAULT_VLLM_TAG}", or of LMI.`,
    source: 'https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/entrypoints/http_server.py',
  };
}
