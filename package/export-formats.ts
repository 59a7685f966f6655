import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatsData } from './formats-data.ts';

/** Writes the delimiters of the serving formats for the training script, which is in Python (`npm run build:formats`). */
const file = join(import.meta.dirname, '../training/sft/formats.json');
writeFileSync(file, `${JSON.stringify(formatsData(), null, 2)}\n`);
console.log(`${file}: ${Object.keys(formatsData()).length} formats`);
