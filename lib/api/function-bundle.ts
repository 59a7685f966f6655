import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, type NodejsFunctionProps, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

/** How the function is bundled, by the construct and for the published package. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  // Packages' ES modules, so that what is not used is left out.
  mainFields: ['module', 'main'],
  // Of this package's version, not of the runtime's, which changes by itself.
  bundleAwsSDK: true,
  minify: true,
  sourceMap: true,
  sourcesContent: false,
  // Bundled CommonJS packages call require, which an ES module does not have.
  banner: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
} satisfies BundlingOptions;

/** Where the published package has the function, bundled when it was packed. */
const packed = fileURLToPath(new URL('../../function', import.meta.url));

/** The function's code: as given, else the package's own, else bundled from the source by esbuild on this machine. */
export function functionCode(code: Code | undefined): NodejsFunctionProps {
  if (code !== undefined) return { code, handler: 'index.handler' };
  if (existsSync(packed)) return { code: Code.fromAsset(packed), handler: 'index.handler' };
  return { entry: fileURLToPath(new URL('../../lambda/handler.ts', import.meta.url)), bundling };
}
