import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pageModule, pages } from './build-page.ts';

for (const name of ['playground', 'reference'] as const) {
  const module = new URL(`../lambda/http/${pages[name].module}`, import.meta.url);
  await writeFile(fileURLToPath(module), await pageModule(name));
}
