import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, type NodejsFunctionProps, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

/** Bundling options of the function, for the construct and for the published package. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  // Prefers ES modules, so that unused code is left out.
  mainFields: ['module', 'main'],
  // Uses this package's version of the SDK. The runtime's own version changes without notice.
  bundleAwsSDK: true,
  minify: true,
  sourceMap: true,
  sourcesContent: false,
  // Bundled CommonJS packages call require, which ES modules do not have.
  banner: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
} satisfies BundlingOptions;

/** Folder of the bundled function in the published package. */
const packed = fileURLToPath(new URL('../../function', import.meta.url));

/** Returns the code of the function: the given code; otherwise the package's bundle; otherwise esbuild bundles the source. */
export function functionCode(code: Code | undefined): NodejsFunctionProps {
  if (code !== undefined) return { code, handler: 'index.handler' };
  if (existsSync(packed)) return { code: Code.fromAsset(packed), handler: 'index.handler' };
  return { entry: fileURLToPath(new URL('../../lambda/handler.ts', import.meta.url)), bundling };
}
