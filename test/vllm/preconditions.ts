import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

/** A machine that cannot run the check. The message says what is missing and what to do. */
export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
}

const run = promisify(execFile);

/** Python versions that the wheel of vLLM supports. */
const PYTHON = { min: 11, max: 14 };

/**
 * Finds the Python that creates the virtual environment.
 *
 * @param python command, usually the variable PYTHON. If omitted, python3.
 */
export async function findPython(python = 'python3'): Promise<string> {
  const remedy = `Install Python 3.${PYTHON.min} to 3.${PYTHON.max} with its venv module, or name one: PYTHON=/path/to/python3.12 npm run check:vllm.`;
  const code = 'import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])';
  const answer = await run(python, ['-c', code]).catch((cause: unknown) => {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new PreconditionError(
      missing ? `The command ${python} does not exist. ${remedy}` : `${python} cannot create a venv. ${remedy}`,
      { cause },
    );
  });
  checkPythonVersion(python, answer.stdout, remedy);
  return python;
}

/** @param version output of Python, such as `3 11` */
export function checkPythonVersion(python: string, version: string, remedy: string): void {
  const [major = 0, minor = 0] = version.trim().split(' ').map(Number);
  if (major === 3 && minor >= PYTHON.min && minor <= PYTHON.max) return;
  throw new PreconditionError(`${python} is Python ${major}.${minor}, which vLLM's wheel does not support. ${remedy}`);
}

/** @param cpuinfo text of /proc/cpuinfo */
export function checkProcessor(platform: string, architecture: string, cpuinfo: string): void {
  if (platform !== 'linux' || architecture !== 'x64') {
    throw new PreconditionError(
      `This machine is ${platform} on ${architecture}, but the CPU build of vLLM is checked on Linux on x86-64 only. Run the command there, for instance in a container or on an instance.`,
    );
  }
  if (/^flags\s*:.*\bavx2\b/m.test(cpuinfo)) return;
  throw new PreconditionError(
    'This processor has no AVX2, which the CPU build of vLLM needs. Run the command on another machine (Intel since 2013, AMD since 2015); in a virtual machine, pass the host’s CPU model through.',
  );
}

/** Checks platform and processor of this machine. */
export async function checkThisProcessor(): Promise<void> {
  const cpuinfo = process.platform === 'linux' ? await readFile('/proc/cpuinfo', 'utf8') : '';
  checkProcessor(process.platform, process.arch, cpuinfo);
}

/** @param folder an existing folder on the disk in question */
export async function checkDisk(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new PreconditionError(
    `The disk of ${folder} has ${gigabytes(free)} free, and ${gigabytes(needed)} are needed. Free some space, or choose another folder: VLLM_CHECK_FOLDER=/path npm run check:vllm.`,
  );
}

/** Checks that a server can listen on the port. */
export async function checkPort(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => {
      reject(
        new PreconditionError(
          `Port ${port} cannot be used (${'code' in cause ? cause.code : cause.message}). Choose another one with --port, or leave the option out for any free port.`,
          { cause },
        ),
      );
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
