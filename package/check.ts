import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Packs the package and has publint look at what `npm publish` would publish: files, exports, types. Downloads publint. */
const folder = mkdtempSync(join(tmpdir(), 'package-'));
try {
  const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder], { encoding: 'utf8' });
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`);
  const archive = join(folder, packed.stdout.trim().split('\n').at(-1) ?? '');
  const { status } = spawnSync('npx', ['--yes', 'publint@0.3.17', '--strict', archive], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
