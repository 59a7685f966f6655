import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes a folder with the embedded model's tokenizer, as the Python library transformers loads it. */
export async function localTokenizer(folder: string): Promise<string> {
  const target = join(folder, 'tokenizer');
  await mkdir(target, { recursive: true });
  await copyFile('local/model/tokenizer.json', join(target, 'tokenizer.json'));
  await writeFile(
    join(target, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast' }),
  );
  return target;
}
