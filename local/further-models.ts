import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readGgufFileInfo } from 'node-llama-cpp';
import type { FormatName } from '../lambda/forcing/format.ts';
import type { RouteSettings } from '../lambda/settings/routes.ts';

/** A model that the local endpoint serves beside its first one. Its file is read by its first request. */
export interface FurtherModel {
  readonly id: string;
  /** A GGUF file. */
  readonly modelPath: string;
  /** Its tokenizer.json. If omitted, the endpoint tokenizes, which loads the model. */
  readonly tokenizerPath?: string;
  readonly format: FormatName;
  readonly systemPrompt?: string;
  readonly defaultTemperature?: number;
}

/** Longest context window of the embedded engine, in tokens. */
const MAX_CONTEXT_TOKENS = 8_192;

const smallFile = (name: string) => fileURLToPath(new URL(`models/budgetforce-small/${name}`, import.meta.url));

/** The second embedded model. */
export const smallModel: FurtherModel = {
  id: 'budgetforce-small',
  modelPath: smallFile('budgetforce-small.gguf'),
  tokenizerPath: smallFile('tokenizer.json'),
  format: 's1',
  systemPrompt: 'You are a careful assistant.',
  defaultTemperature: 1,
};

/** The route over both embedded models. */
export const autoRoute: RouteSettings = {
  id: 'auto',
  models: ['budgetforce-tiny', 'budgetforce-small'],
  escalate: { unsure_below: 0.9 },
  pass_thought: false,
};

/** The name of a GGUF file without its ending: the id of a model that has no other. */
export function fileNameOf(path: string): string {
  return (path.split(/[\\/]/).at(-1) ?? path).replace(/\.gguf$/i, '');
}

/** Returns the first file of a model that does not exist. `undefined` if it is complete. */
export function missingFile({ modelPath, tokenizerPath }: FurtherModel): string | undefined {
  return [modelPath, ...(tokenizerPath === undefined ? [] : [tokenizerPath])].find((path) => !existsSync(path));
}

/**
 * Reads the context window of a model from the head of its file, without loading it.
 *
 * @throws {Error} if the file is not a GGUF file
 */
export async function windowOf({ id, modelPath }: FurtherModel): Promise<number> {
  const { architectureMetadata } = await readGgufFileInfo(modelPath, { logWarnings: false }).catch((cause: unknown) => {
    throw new Error(`The model ${id} cannot be served: ${modelPath} is not a GGUF file. Give a .gguf file.`, { cause });
  });
  return Math.min(architectureMetadata.context_length ?? MAX_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS);
}
