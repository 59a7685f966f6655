import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads the master secret of webhooks in the data folder, which only its user may read, or writes a new one. */
export function webhookMaster(dataFolder: string): string {
  const folder = join(dataFolder, 'webhooks');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'master');
  try {
    writeFileSync(path, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  return readFileSync(path, 'utf8');
}
