import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The pages that the app serves: the HTML, its script, and the module in `lambda/http` that holds both. */
export const pages = {
  playground: { html: 'index.html', script: 'playground.ts', module: 'playground-page.ts' },
  reference: { html: 'reference.html', script: 'reference.ts', module: 'reference-page.ts' },
} as const;
type PageName = keyof typeof pages;

/** Builds a page as one document with its style and script, which loads nothing from another host. */
async function buildPage(name: PageName): Promise<string> {
  const [html, style, script] = await Promise.all([
    readFile(path(pages[name].html), 'utf8'),
    bundle('style.css'),
    bundle(pages[name].script),
  ]);
  // Functions as replacements, since a `$` in a replacement string is a pattern.
  return html
    .replace('/*style*/', () => style)
    .replace('/*script*/', () => script.replaceAll('</script', '<\\/script'));
}

/** Builds the module from which the app serves a page. */
export async function pageModule(name: PageName): Promise<string> {
  return `// Generated from web/ by \`npm run build:page\`. Do not edit.\nexport const ${name}Page = ${JSON.stringify(await buildPage(name))};\n`;
}

async function bundle(name: string): Promise<string> {
  const result = await build({
    entryPoints: [path(name)],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
  });
  return result.outputFiles[0]?.text.trim() ?? '';
}
