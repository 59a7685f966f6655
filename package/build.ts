import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { writeFiles } from '../lib/bundles/program-code.ts';
import { bundleProgram, programNames } from '../lib/bundles/programs.ts';
import { billOfMaterials, bundledPackages, licenseTexts } from './bill-of-materials.ts';

/**
 * Builds what `npm pack` packs: JavaScript and types of the constructs and the command line, and each program that stacks deploy as
 * one file, so that apps with the constructs need no esbuild.
 */
rmSync('dist', { recursive: true, force: true });

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
// `npm run typecheck` has checked the types already. Declarations are needed only for what other apps import.
compile(['--project', 'tsconfig.package.json', '--noCheck']);
compile(['--project', 'tsconfig.types.json']);

for (const name of programNames) {
  writeFiles(join('dist', 'programs', name), bundleProgram(name));
  // What others wrote of it, and under which terms.
  const packages = bundledPackages(name);
  writeFiles(
    join('dist', 'bills-of-materials'),
    new Map([
      [`${name}.cdx.json`, `${JSON.stringify(billOfMaterials(name, packages), null, 2)}\n`],
      [`${name}.licenses.txt`, licenseTexts(packages)],
    ]),
  );
}

// `budgetforce simulate` reads recorded traffic from a folder beside its code.
cpSync('simulate/traces', 'dist/simulate/traces', { recursive: true });

// The script that a fine-tuning's jobs and `budgetforce train start --local` run, and what it needs for GGUF and its environment.
cpSync('training/sft', 'dist/training/sft', { recursive: true, filter: (path) => !path.includes('__pycache__') });
for (const file of ['environment.sh', 'export_gguf.py', 'model.py', 'tokenizer.py', 'generate.py'])
  cpSync(join('training', file), join('dist', 'training', file));

function compile(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [tsc, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
