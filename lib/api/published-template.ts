import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { PublishedTemplate } from '../../lambda/formats/derive-format.ts';

const namedTemplates = z.array(z.object({ name: z.string(), template: z.string() }));
const tokenizerConfigSchema = z.object({ chat_template: z.union([z.string(), namedTemplates]).optional() });
const tokenizerSchema = z.object({ added_tokens: z.array(z.object({ content: z.string() })) });

/**
 * Reads the chat template beside a tokenizer.json: `chat_template.jinja`, or else `chat_template` of `tokenizer_config.json`.
 *
 * @param tokenizer path of a tokenizer.json
 * @throws {Error} if a file cannot be read or parsed
 */
export function templateBeside(tokenizer: string): PublishedTemplate {
  const folder = dirname(tokenizer);
  const { added_tokens: tokens } = tokenizerSchema.parse(JSON.parse(readFileSync(tokenizer, 'utf8')));
  return { chatTemplate: templateIn(folder), controlTokens: new Set(tokens.map(({ content }) => content)) };
}

function templateIn(folder: string): string | undefined {
  const jinja = join(folder, 'chat_template.jinja');
  if (existsSync(jinja)) return readFileSync(jinja, 'utf8');
  const config = join(folder, 'tokenizer_config.json');
  if (!existsSync(config)) return undefined;
  const { chat_template: template } = tokenizerConfigSchema.parse(JSON.parse(readFileSync(config, 'utf8')));
  if (template === undefined || typeof template === 'string') return template;
  return (template.find(({ name }) => name === 'default') ?? template[0])?.template;
}
