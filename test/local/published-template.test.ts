import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { withDerivedFormat } from '../../cli/commands/derive-format-option.ts';
import { templateOfGguf, templateOfServer } from '../../local/published-template.ts';

const TEMPLATE = '[gMASK]<sop><|observation|><arg_key><think>';
let server: Server | undefined;

afterEach(() => server?.close());

/** Starts a server with one route that tells the template. Returns its URL and the keys that it was sent. */
async function serve(route: string): Promise<{ readonly url: string; readonly keys: (string | undefined)[] }> {
  const keys: (string | undefined)[] = [];
  server = createServer((request, response) => {
    keys.push(request.headers.authorization);
    if (request.url !== route) response.writeHead(404).end();
    else response.end(JSON.stringify({ chat_template: TEMPLATE, more: 1 }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { url: `http://127.0.0.1:${address.port}`, keys };
}

describe('the template of a model', () => {
  it.each(['/props', '/tokenizer_info'])('a server tells its template at %s', async (route) => {
    const { url, keys } = await serve(route);
    expect(await templateOfServer(`${url}/v1/`, 'secret')).toEqual({ chatTemplate: TEMPLATE });
    expect(new Set(keys)).toEqual(new Set(['Bearer secret']));
  });

  it('--format auto prints the format of a server, and refuses a server that does not tell it', async () => {
    const { url } = await serve('/props');
    const lines: string[] = [];
    const derived = await withDerivedFormat({ format: 'auto', upstream: `${url}/v1` }, (line) => lines.push(line));
    expect(derived.format).toBe('glm-4.7');
    expect(lines).toEqual([
      `Format of ${url}/v1: glm-4.7, since its chat template has [gMASK]<sop>, <arg_key>, <think>.`,
    ]);
    server?.close();
    const other = await serve('/nothing');
    await expect(withDerivedFormat({ format: 'auto', container: other.url }, () => {})).rejects.toThrow(
      /neither \/props .* nor \/tokenizer_info .*Write the format by its name: s1/,
    );
  });

  it('a GGUF file has its tokens, and a template if its author wrote one', async () => {
    const { controlTokens } = await templateOfGguf('local/model/budgetforce-tiny.gguf');
    expect(controlTokens?.has('<|im_start|>')).toBe(true);
    await expect(withDerivedFormat({ format: 'auto', model: 'package.json' }, () => {})).rejects.toThrow(
      /--model package.json cannot be read as a GGUF file/,
    );
  });
});
