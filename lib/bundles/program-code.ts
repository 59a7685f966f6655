import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, type BundlingOptions, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { SETTINGS_FILE } from '../../lambda/settings/read-settings.ts';
import { type Files, type ProgramName, programFiles } from './programs.ts';

/** Returns the code of a function, by default of the API's, and beside it the settings file. */
export function functionCode(settingsFile: string, name: ProgramName = 'function'): Code {
  return settingsAsset(settingsFile, (folder) => writeFiles(folder, programFiles(name)), name);
}

/** Returns a folder that contains only the settings file. */
export function settingsCode(settingsFile: string): Code {
  return settingsAsset(settingsFile, () => {});
}

/** Where the bundling writes the files: CDK wants a source folder, which nothing of the result comes from. */
export const ASSET_FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Options of an asset that has the files of a program. */
export function programAsset(name: ProgramName): {
  readonly assetHashType: AssetHashType;
  readonly bundling: BundlingOptions;
} {
  return assetOf(`program ${name}`, (folder) => writeFiles(folder, programFiles(name)));
}

function settingsAsset(settingsFile: string, writeCode: (folder: string) => void, name = 'settings'): Code {
  const key = createHash('sha256').update(name).update(settingsFile).digest('hex');
  return Code.fromAsset(
    ASSET_FOLDER,
    assetOf(key, (folder) => {
      writeCode(folder);
      writeFileSync(join(folder, SETTINGS_FILE), settingsFile);
    }),
  );
}

/** @param key differs if the files do: CDK caches results by the options, without their functions */
function assetOf(key: string, write: (folder: string) => void) {
  return {
    // The hash changes if and only if a file of the result does.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('scratch'),
      environment: { KEY: key },
      local: {
        tryBundle(folder: string) {
          write(folder);
          return true;
        },
      },
    },
  };
}

/** Writes files into a folder, which is created. */
export function writeFiles(folder: string, files: Files): void {
  for (const [name, contents] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents);
  }
}
