import { readdirSync } from 'node:fs';
import { loadConfig } from '../../lib/config.ts';

/** The configs in the package, by file name. */
export const examples = readdirSync('config')
  .filter((file) => file.endsWith('.json'))
  .map((file) => [file.replace('.json', ''), loadConfig(`config/${file}`)] as const);
