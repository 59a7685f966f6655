import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Without the changelog, which names paths as they were. */
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('{docs,local,simulate}/**/*.md')].toSorted();

/** Top-level folders of the repository, without installed packages, build output and local state. */
const folders = readdirSync('.', { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^(node_modules|dist|cdk\.out|\.(?!ci$).*)$/.test(entry.name))
  .map(({ name }) => name);

/** Names of all source files, for pages that name a file without its folder. */
const sources = new Set(globSync(`{${folders.join(',')}}/**/*.ts`).map((path) => basename(path)));

/** Placeholders for files that the reader creates: `mine` or `my-…`. */
const PLACEHOLDER = /(^|[/.-])(mine|my)([/.-]|$)/;

const FENCE = /^(`{3,})[^\n]*\n([\s\S]*?)^\1$/gm;

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.replaceAll(FENCE, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Relative links of a page whose file or heading does not exist. */
function brokenLinks(page: string, text: string): readonly string[] {
  const prose = text.replaceAll(FENCE, '').replaceAll(/`[^`\n]+`/g, 'code');
  const targets = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    if (path === '') return !anchorsOf(text).includes(anchor ?? '');
    const file = join(dirname(page), decodeURIComponent(path));
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor);
  });
}

/** Paths in the code of a page that do not exist: from a top-level folder on, or the bare name of a source file. */
function missingPaths(text: string): readonly string[] {
  const blocks = [...text.matchAll(FENCE)].map(([, , block = '']) => block);
  const inline = [...text.replaceAll(FENCE, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline]
    .flatMap((code) => code.split(/[\s'"(),;=]+/))
    .filter((word) => /^[\w./-]+$/.test(word) && !PLACEHOLDER.test(word))
    .filter((word) =>
      folders.some((folder) => word.startsWith(`${folder}/`))
        ? !existsSync(word)
        : /^[\w-]+\.ts$/.test(word) && !sources.has(word),
    );
}

describe('the documentation', () => {
  it.each(['CHANGELOG.md', ...pages])('%s links only to files and headings that exist', (page) => {
    expect(brokenLinks(page, readFileSync(page, 'utf8'))).toEqual([]);
  });

  it.each(pages)('%s names only paths that exist', (page) => {
    expect(missingPaths(readFileSync(page, 'utf8'))).toEqual([]);
  });
});

describe('the check of links and paths', () => {
  it('finds a missing file, a missing heading and a missing path, in prose and in a block', () => {
    const text = [
      '# A page',
      '[there](formats.md) [a heading](formats.md#to-add-a-format) [itself](#a-page) [the web](https://example.com/x.md)',
      '[gone](gone.md) [no heading](formats.md#gone) [not itself](#gone)',
      'Code in `lambda/app.ts`, `app.ts`, `lambda/formats/mine.ts`, `lambda/gone.ts`, `gone.ts` and `[not](a-link.md)`.',
      '```sh',
      'npx vitest run test/gone.test.ts test/docs/links.test.ts  # [not](a-link.md)',
      '```',
      '',
    ].join('\n');
    expect(brokenLinks('docs/page.md', text)).toEqual(['gone.md', 'formats.md#gone', '#gone']);
    expect(missingPaths(text)).toEqual(['test/gone.test.ts', 'lambda/gone.ts', 'gone.ts']);
  });
});
