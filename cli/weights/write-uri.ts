import { readFile, rename, writeFile } from 'node:fs/promises';
import * as z from 'zod';

const configSchema = z.looseObject({ models: z.array(z.looseObject({ id: z.string() })) });

/** Writes the place of a model's weights into a config file, in one step: a reader finds the old file or the new one. */
export async function writeUri(file: string, modelId: string, uri: string): Promise<void> {
  const config = configSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  const models = config.models.map((model) =>
    model.id === modelId ? { ...model, source: { kind: 's3', uri } } : model,
  );
  const temporary = `${file}.${process.pid}.new`;
  await writeFile(temporary, `${JSON.stringify({ ...config, models }, null, 2)}\n`);
  await rename(temporary, file);
}
