/** A message of the conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** The body of a chat completion: the fields that the client libraries of OpenAI name, and others. */
export type ChatBody = Readonly<Record<string, unknown>> & {
  readonly model: string;
  readonly messages: readonly Message[];
};

/** Arguments of `create` in OpenAI's Python client; other fields go into `extra_body`. */
const NAMED_IN_PYTHON = new Set(['model', 'messages', 'temperature', 'reasoning_effort', 'max_completion_tokens', 'n']);

export type Language = 'curl' | 'node' | 'python';

/** The request as code to paste. `origin` is the URL of the API without its /v1. */
export function requestCode(body: ChatBody, language: Language, origin: string, needsKey: boolean): string {
  switch (language) {
    case 'curl':
      return [
        `curl -N ${origin}/v1/chat/completions`,
        `  -H "Content-Type: application/json"`,
        ...(needsKey ? [`  -H "Authorization: Bearer $BUDGETFORCE_API_KEY"`] : []),
        `  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
      ].join(' \\\n');
    case 'node':
      return `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: ${needsKey ? 'process.env.BUDGETFORCE_API_KEY' : "'none'"} });
const stream = await client.chat.completions.create(${JSON.stringify(body, null, 2)});
for await (const chunk of stream) {
  const delta = chunk.choices[0]?.delta ?? {};
  process.stdout.write(delta.reasoning_content ?? delta.content ?? '');
}
`;
    case 'python': {
      const { stream: _stream, stream_options: _options, ...rest } = body;
      const entries = Object.entries(rest);
      const named = Object.fromEntries(entries.filter(([name]) => NAMED_IN_PYTHON.has(name)));
      const thinking = Object.fromEntries(entries.filter(([name]) => !NAMED_IN_PYTHON.has(name)));
      const lines = Object.entries(named).map(([name, value]) => `    ${name}=${pythonOf(value)},`);
      if (Object.keys(thinking).length > 0) lines.push(`    extra_body=${pythonOf(thinking)},`);
      return `import os
from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${needsKey ? 'os.environ["BUDGETFORCE_API_KEY"]' : '"none"'})
stream = client.chat.completions.create(
${lines.join('\n')}
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        delta = chunk.choices[0].delta
        print(getattr(delta, "reasoning_content", None) or delta.content or "", end="", flush=True)
`;
    }
    default:
      return language satisfies never;
  }
}

/** A JSON value as a Python literal. */
function pythonOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([name, inner]) => `${JSON.stringify(name)}: ${pythonOf(inner)}`)
      .join(', ')}}`;
  }
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? 'None' : JSON.stringify(value);
}
