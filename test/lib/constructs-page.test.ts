import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

/** Inside node_modules, so that packages resolve; its real path, because the compiler reports real paths. */
const folder = mkdtempSync(join(realpathSync('node_modules'), '.constructs-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

const page = readFileSync('docs/constructs.md', 'utf8');
const snippets = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, snippet]) => snippet);
const program = snippets.join('\n');

/** Compiles files, given by name, and returns the compiler's errors. */
function compile(files: Readonly<Record<string, string>>): readonly string[] {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const config = { extends: resolve('tsconfig.json'), include: [], files: Object.keys(files) };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = resolve('node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--project', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('docs/constructs.md', () => {
  it('the snippets of docs/constructs.md form one program, which compiles against lib/index.ts unless a name is misspelt', {
    timeout: 300_000,
  }, () => {
    expect(snippets.length).toBeGreaterThan(4);
    const misspelt = program.replace('contextTokens:', 'contextToken:');
    const missing = program.replace('ReasoningApi, ReasoningEndpoint', 'ReasoningApi, ThinkingEndpoint');
    const errors = compile({ 'page.ts': program, 'misspelt.ts': misspelt, 'missing.ts': missing });
    expect(errors.filter((line) => line.startsWith('page.ts'))).toEqual([]);
    expect(errors).toContainEqual(expect.stringMatching(/^misspelt\.ts.*TS2561.*contextToken/));
    expect(errors).toContainEqual(expect.stringMatching(/^missing\.ts.*ThinkingEndpoint/));
  });
});
