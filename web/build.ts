import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pageModule } from './build-page.ts';

await writeFile(fileURLToPath(new URL('../lambda/routes/playground-page.ts', import.meta.url)), await pageModule());
