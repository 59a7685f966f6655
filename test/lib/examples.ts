import { readdirSync } from 'node:fs';
import { loadConfig } from '../../lib/config.ts';

/** The configs that come with the package, each under its file's name. */
export const examples = readdirSync('config')
  .filter((file) => file.endsWith('.json'))
  .map((file) => [file.replace('.json', ''), loadConfig(`config/${file}`)] as const);
