import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { SETTINGS_FILE } from '../../lambda/settings/read-settings.ts';

/** Files by name. */
type Files = ReadonlyMap<string, string | Uint8Array>;

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Folder of the bundled function in the published package. */
const packed = join(root, 'function');

/**
 * Returns the code of the function: the package's bundle, or the source bundled by esbuild; and beside it the settings file. The
 * function is bundled once, however many stages an app has.
 */
export function functionCode(settingsFile: string): Code {
  return folderAsset(settingsFile, (folder) => writeFiles(folder, bundledFunction()));
}

/** Returns a folder that contains only the settings file. */
export function settingsCode(settingsFile: string): Code {
  return folderAsset(settingsFile, () => {});
}

function folderAsset(settingsFile: string, writeCode: (folder: string) => void): Code {
  return Code.fromAsset(fileURLToPath(new URL('.', import.meta.url)), {
    // The hash changes if and only if a file of the result does.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('scratch'),
      // CDK caches results by these options without their functions, so the options have to differ if the settings do.
      environment: { SETTINGS: createHash('sha256').update(settingsFile).digest('hex') },
      local: {
        tryBundle(folder) {
          writeCode(folder);
          writeFileSync(join(folder, SETTINGS_FILE), settingsFile);
          return true;
        },
      },
    },
  });
}

let bundled: Files | undefined;

function bundledFunction(): Files {
  bundled ??= existsSync(packed)
    ? new Map(readdirSync(packed).map((name) => [name, readFileSync(join(packed, name))]))
    : bundleFunction();
  return bundled;
}

/** Bundles the source of the function into one file and its source map. Needs esbuild, which the published package does not. */
export function bundleFunction(): Files {
  const esbuild: typeof import('esbuild') = createRequire(import.meta.url)('esbuild');
  const { outputFiles } = esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [join('lambda', 'handler.ts')],
    // Not written; paths in the source map are relative to it.
    outfile: join('dist', 'function', 'index.mjs'),
    write: false,
    platform: 'node',
    bundle: true,
    format: 'esm',
    target: 'node24',
    // Prefers ES modules, so that unused code is left out. The SDK is bundled: the runtime's own version changes without notice.
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    // Bundled CommonJS packages call require, which ES modules do not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
}

/** Writes files into a folder that exists. */
export function writeFiles(folder: string, files: Files): void {
  for (const [name, contents] of files) writeFileSync(join(folder, name), contents);
}
