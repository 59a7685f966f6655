import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const versionsSchema = z.record(z.string(), z.string()).default({});
const manifestSchema = z.object({
  version: z.string(),
  dependencies: versionsSchema,
  devDependencies: versionsSchema,
});

/** This package: where it is, and its package.json. */
export interface OwnPackage {
  readonly folder: string;
  readonly version: string;
  /** Versions of all packages that it names. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whether it is a clone of the repository, from which nothing can be installed before it is packed. */
  readonly isClone: boolean;
}

export function ownPackage(): OwnPackage {
  // `cli/init` in a clone, `dist/cli/init` in the published package.
  const folders = ['../../', '../../../'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const folder = folders.find((path) => existsSync(join(path, 'package.json')));
  if (folder === undefined) throw new Error('The package.json of budgetforce is missing.');
  const { version, dependencies, devDependencies } = manifestSchema.parse(
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
  );
  return {
    folder,
    version,
    versions: { ...devDependencies, ...dependencies },
    isClone: existsSync(join(folder, 'tsconfig.package.json')),
  };
}

/**
 * Packs a clone into a folder, as `npm publish` would.
 *
 * @returns name of the archive
 * @throws {Error} with npm's own words if it fails
 */
export function packInto(folder: string, own: OwnPackage): string {
  const { status, stdout, stderr, error } = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: own.folder,
    encoding: 'utf8',
  });
  const archive = stdout?.trim().split('\n').at(-1);
  if (status === 0 && archive !== undefined && archive !== '') return archive;
  throw new Error(`npm pack failed in ${own.folder}: ${(error?.message ?? stderr).trim()}`);
}
