import { Agent, request } from 'node:http';

export interface StreamResult {
  /** Time until the first event with text, in milliseconds. */
  readonly firstMs: number;
  readonly tokens: number;
  /** Why it did not end as it should. */
  readonly failure?: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly streams: number;
  readonly tokens: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Streams begin spread over this time, in milliseconds. */
  readonly spreadMs: number;
}

/** Opens chat streams at once, each over a connection of its own, and reads them to their ends. */
export async function openStreams(options: LoadOptions): Promise<readonly StreamResult[]> {
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  const results = await Promise.all(
    Array.from({ length: options.streams }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, (at * options.spreadMs) / options.streams));
      return await readStream(options, agent);
    }),
  );
  agent.destroy();
  return results;
}

/** A chunk of a chat stream with text has this in it, and no other has. */
const TEXT = '"content":"a';
const TEXT_SPACED = '"content": "a';

async function readStream({ url, tokens, headers, body }: LoadOptions, agent: Agent): Promise<StreamResult> {
  const sent = JSON.stringify({ ...body, stream: true, max_completion_tokens: tokens, max_tokens: undefined });
  const began = performance.now();
  return await new Promise((resolve) => {
    let firstMs = Number.NaN;
    let seen = 0;
    let rest = '';
    let ended = false;
    const done = (failure?: string) =>
      resolve({ firstMs, tokens: seen, ...(failure === undefined ? {} : { failure }) });
    const call = request(
      `${url}/v1/chat/completions`,
      { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          rest += text;
          const lines = rest.split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            if (line.startsWith('data: [DONE]')) ended = true;
            const at = line.includes(TEXT) ? TEXT : line.includes(TEXT_SPACED) ? TEXT_SPACED : undefined;
            if (at === undefined) continue;
            if (Number.isNaN(firstMs)) firstMs = performance.now() - began;
            // Several tokens may have come together.
            const from = line.indexOf(at) + at.length - 1;
            seen += line.indexOf('"', from) - from;
          }
        });
        response.on('end', () => {
          if (response.statusCode !== 200) return done(`status ${response.statusCode}: ${rest.slice(0, 200)}`);
          return done(!ended ? 'no [DONE]' : seen === tokens ? undefined : `${seen} of ${tokens} tokens`);
        });
        response.on('error', (error) => done(error.message));
      },
    );
    call.on('error', (error) => done(error.message));
    call.end(sent);
  });
}
