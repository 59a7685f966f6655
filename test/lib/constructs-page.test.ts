import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

/** In the repository, so that the packages are found. */
const folder = mkdtempSync(resolve('node_modules', '.constructs-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

const page = readFileSync('docs/constructs.md', 'utf8');
const snippets = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, snippet]) => snippet);
const program = snippets.join('\n');

/** What the compiler says of each file, by the file's name. */
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
  it('has snippets that are one program, which compiles against lib/index.ts; misspelt, it does not', {
    timeout: 300_000,
  }, () => {
    expect(snippets.length).toBeGreaterThan(4);
    const misspelt = program.replace('contextTokens:', 'contextToken:');
    const missing = program.replace('ReasoningApi, ReasoningEndpoint', 'ReasoningApi, ThinkingEndpoint');
    const said = compile({ 'page.ts': program, 'misspelt.ts': misspelt, 'missing.ts': missing });
    expect(said.filter((line) => line.startsWith('page.ts'))).toEqual([]);
    expect(said).toContainEqual(expect.stringMatching(/^misspelt\.ts.*TS2561.*contextToken/));
    expect(said).toContainEqual(expect.stringMatching(/^missing\.ts.*ThinkingEndpoint/));
  });
});
