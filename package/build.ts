import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { bundling } from '../lib/api/function-bundle.ts';

/**
 * What `npm pack` packs: JavaScript and types of constructs and command line, and the function as one file, so that an app
 * that uses the constructs needs no esbuild.
 */
rmSync('dist', { recursive: true, force: true });

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
// Checked already by `npm run typecheck`; types only of what other apps import.
compile(['--project', 'tsconfig.package.json', '--noCheck']);
compile(['--project', 'tsconfig.types.json']);

await build({
  entryPoints: ['lambda/handler.ts'],
  outfile: 'dist/function/index.mjs',
  platform: 'node',
  bundle: true,
  format: 'esm',
  target: bundling.target,
  mainFields: bundling.mainFields,
  minify: bundling.minify,
  sourcemap: bundling.sourceMap,
  sourcesContent: bundling.sourcesContent,
  banner: { js: bundling.banner },
  logLevel: 'warning',
});

// Recorded traffic, which `budgetforce simulate` reads beside its code.
cpSync('simulate/traces', 'dist/simulate/traces', { recursive: true });

function compile(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [tsc, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
