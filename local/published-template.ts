import { z } from 'zod';
import type { PublishedTemplate } from '../lambda/formats/derive-format.ts';

/** Routes at which a server tells its chat template: llama.cpp's, then vLLM's (with `--enable-tokenizer-info-endpoint`). */
const TEMPLATE_ROUTES = ['/props', '/tokenizer_info'] as const;
const ROUTE_TIMEOUT_MS = 5_000;

const servedSchema = z.object({ chat_template: z.string() });
const ggufSchema = z.object({
  chat_template: z.string().optional(),
  ggml: z.object({ tokens: z.array(z.string()) }),
});

/**
 * Reads the chat template and the tokens of a GGUF file.
 *
 * @throws {Error} if the file is no GGUF file
 */
export async function templateOfGguf(path: string): Promise<PublishedTemplate> {
  const { readGgufFileInfo } = await import('node-llama-cpp');
  const { metadata } = await readGgufFileInfo(path, {
    readTensorInfo: false,
    sourceType: 'filesystem',
    logWarnings: false,
  });
  const { chat_template: chatTemplate, ggml } = ggufSchema.parse(metadata.tokenizer);
  return { chatTemplate, controlTokens: new Set(ggml.tokens) };
}

/**
 * Asks a model server for its chat template.
 *
 * @param url base URL, with or without `/v1`
 * @param key bearer key of the server. If omitted, none is sent
 * @returns no template if the server has none of the routes, or does not answer
 */
export async function templateOfServer(url: string, key?: string): Promise<PublishedTemplate> {
  const root = url.replace(/\/+$/, '').replace(/\/v1$/, '');
  for (const route of TEMPLATE_ROUTES) {
    const chatTemplate = await askFor(`${root}${route}`, key);
    if (chatTemplate !== undefined) return { chatTemplate };
  }
  return { chatTemplate: undefined };
}

async function askFor(url: string, key: string | undefined): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(ROUTE_TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return servedSchema.safeParse(await response.json()).data?.chat_template;
  } catch {
    // The server's own probe reports whether it answers at all.
    return undefined;
  }
}
