import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files by name. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

interface Program {
  readonly entry: string;
  readonly target: string;
  /** File of a thread that the program starts. It is bundled into a file of its own, which keeps its name. */
  readonly thread?: string;
}

/** Programs that stacks deploy. Each is bundled into one file and its source map, and one more of each kind for its thread. */
export const programs = {
  /** Function of the API. */
  function: { entry: 'lambda/handler.ts', target: 'node24' },
  /** Durable function that runs responses in the background. */
  background: { entry: 'lambda/background/handler.ts', target: 'node24' },
  /** Function that runs batches and sends webhooks. */
  batches: { entry: 'lambda/batches/handler.ts', target: 'node24' },
  /** Function that finds what hangs in creating or deleting. */
  watch: { entry: 'lambda/watch/handler.ts', target: 'node24' },
  /** Function that brings the documents of stores into their index. */
  documents: {
    entry: 'lambda/retrieval/sync/handler.ts',
    target: 'node24',
    thread: 'lambda/retrieval/read/read-worker.ts',
  },
  /** Job of CodeBuild that brings weights into a bucket. CodeBuild's images have older Node.js versions. */
  weights: { entry: 'cli/weights/build-job.ts', target: 'node20' },
  /** Job of CodeBuild that compares a trained model with the one in service. */
  evaluate: { entry: 'cli/eval/compare-job.ts', target: 'node20' },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof programs;
export const programNames = Object.keys(programs) as readonly ProgramName[];

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Folder of the bundled programs in the published package. */
const packed = join(root, 'programs');

const bundled = new Map<ProgramName, Files>();

/** Returns the files of a program: the package's bundle, or the source bundled by esbuild. A program is bundled once, however many stages an app has. */
export function programFiles(name: ProgramName): Files {
  let files = bundled.get(name);
  if (files === undefined) {
    const folder = join(packed, name);
    files = existsSync(folder)
      ? new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]))
      : bundleProgram(name);
    bundled.set(name, files);
  }
  return files;
}

/** Bundles the source of a program. Needs esbuild, which the published package does not. */
export function bundleProgram(name: ProgramName): Files {
  return bundlesOf(name).files;
}

/** Returns the source files that are in the bundle of a program, as paths from the folder of the project. Needs esbuild. */
export function bundledSources(name: ProgramName): readonly string[] {
  return bundlesOf(name)
    .metafiles.flatMap(({ outputs }) => Object.values(outputs))
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
}

function bundlesOf(name: ProgramName) {
  const { entry, target, thread }: Program = programs[name];
  const parts = [
    runEsbuild(name, entry, 'index', target),
    ...(thread === undefined ? [] : [runEsbuild(name, thread, basename(thread, '.ts'), target)]),
  ];
  const files: Files = new Map(parts.flatMap((part) => [...part.files]));
  return { files, metafiles: parts.map(({ metafile }) => metafile) };
}

function runEsbuild(name: ProgramName, entry: string, outName: string, target: string) {
  const esbuild: typeof import('esbuild') = createRequire(import.meta.url)('esbuild');
  const { outputFiles, metafile } = esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    // Not written; paths in the source map are relative to it.
    outfile: join('dist', 'programs', name, `${outName}.mjs`),
    write: false,
    platform: 'node',
    bundle: true,
    format: 'esm',
    target,
    // Prefers ES modules, so that unused code is left out. The SDK is bundled: the runtime's own version changes without notice.
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    // Bundled CommonJS packages call require, which ES modules do not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return { files: new Map(outputFiles.map(({ path, contents }) => [basename(path), contents])), metafile };
}
