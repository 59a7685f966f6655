import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A request as a client sent it. */
export interface RecordedRequest {
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** The pinned versions of the clients in `requirements.in`, as `requirements.txt` has them. A recording names them. */
export function pinnedClients(): readonly string[] {
  const lines = (file: string) =>
    readFileSync(join(import.meta.dirname, file), 'utf8')
      .trim()
      .split('\n');
  const names = lines('requirements.in').map((line) => line.replace(/\[.*/, ''));
  return lines('requirements.txt').filter((line) => names.includes(line.replace(/(\[.*\])?==.*/, '')));
}
