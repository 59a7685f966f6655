import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The page as one document, its style and script inside: nothing is loaded from another host. */
async function buildPage(): Promise<string> {
  const [html, style, script] = await Promise.all([
    readFile(path('index.html'), 'utf8'),
    bundle('style.css'),
    bundle('playground.ts'),
  ]);
  // Functions as replacements: a text would have its `$` read as a pattern.
  return html
    .replace('/*style*/', () => style)
    .replace('/*script*/', () => script.replaceAll('</script', '<\\/script'));
}

/** The module that the app serves the page from. */
export async function pageModule(): Promise<string> {
  return `// Made by \`npm run build:page\` from web/. Do not edit.\nexport const playgroundPage = ${JSON.stringify(await buildPage())};\n`;
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
