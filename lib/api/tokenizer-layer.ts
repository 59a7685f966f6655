import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { trimTokenizer } from './trim-tokenizer.ts';

/**
 * Creates a layer with one trimmed tokenizer.json. It is a layer because the file changes with the model and not with the code.
 *
 * @param file path of a Hugging Face tokenizer.json
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

/** Returns the path of the file in a function that has the layer. */
export function tokenizerPath(file: string): string {
  return `/opt/tokenizers/${tokenizerName(file)}.json`;
}

/** Names the trimmed file by a hash of the original, because trimming 11 MB to hash the result would cost each synthesis a second. */
function tokenizerName(file: string): string {
  return createHash('sha256').update(TRIM_VERSION).update(readFileSync(file)).digest('hex').slice(0, 16);
}

/** Must change whenever `trimTokenizer` returns a different text for the same file. */
const TRIM_VERSION = '1';
