/** The settings of a request on the page. */
export interface PageRequest {
  readonly model: string;
  readonly prompt: string;
  readonly thinking: Readonly<Record<string, number | string | boolean>>;
  readonly effort: string | undefined;
  readonly temperature: number | undefined;
}

/** The body of the chat completion. */
export function requestBody(request: PageRequest): Readonly<Record<string, unknown>> {
  return {
    model: request.model,
    messages: [{ role: 'user', content: request.prompt }],
    ...(Object.keys(request.thinking).length === 0 ? {} : { thinking: request.thinking }),
    ...(request.effort === undefined ? {} : { reasoning_effort: request.effort }),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
    stream: true,
    stream_options: { include_usage: true },
  };
}

export type Language = 'curl' | 'node' | 'python';

/** The request as code to paste. `origin` is the URL of the API without its /v1. */
export function requestCode(request: PageRequest, language: Language, origin: string, needsKey: boolean): string {
  const body = requestBody(request);
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
      const { model, messages, temperature, reasoning_effort, ...extra } = body;
      const { stream: _stream, stream_options: _options, ...thinking } = extra;
      const named = {
        model,
        messages,
        ...(temperature === undefined ? {} : { temperature }),
        ...(reasoning_effort === undefined ? {} : { reasoning_effort }),
      };
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
