import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Writes a settings file into a folder of its own, for the variable `BUDGETFORCE_SETTINGS_FILE` of a function under test. */
export function writeSettingsFile(settings: unknown): { readonly path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'budgetforce-settings-'));
  const path = join(folder, 'settings.json');
  writeFileSync(path, JSON.stringify(settings));
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}
