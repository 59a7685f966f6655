/** Routes of OpenAI's API that this API does not have, by the first part of their path, with what to use instead. */
const unserved: Readonly<Record<string, string>> = {
  embeddings:
    'Reasoning models have no embeddings. Send them to a server of an embedding model (vLLM serves such models on the same route), or use Amazon Bedrock’s Titan embeddings.',
  rerank: 'Reasoning models do not rank. Send the request to a server of a reranking model.',
  moderations: 'Ask a model with POST /v1/chat/completions and a JSON schema, or use Amazon Bedrock’s Guardrails.',
  images: 'The models write text only. Use an image model’s own API.',
  audio:
    'The models read and write text only. Use a speech model’s own API, and send its text to POST /v1/chat/completions.',
  realtime: 'Use POST /v1/chat/completions or /v1/responses with stream: true.',
  assistants: 'Use POST /v1/responses, and send the whole conversation in input.',
  threads: 'Use POST /v1/responses, and send the whole conversation in input.',
  conversations: 'Use POST /v1/responses, and send the whole conversation in input.',
  files: 'Nothing is stored. Send the text in the request: POST /v1/chat/completions.',
  uploads: 'Send files of up to 4 MB to POST /v1/files. `budgetforce batch FILE` splits larger ones.',
  vector_stores: 'Nothing is stored. Send the passages in the request: POST /v1/chat/completions.',
  fine_tuning: 'Fine-tune the model elsewhere, and name its weights in the config.',
};

/** Returns what to use instead of a route of OpenAI's API that this API does not have, or `undefined` for any other path. */
export function insteadOf(path: string): string | undefined {
  const [, part] = /^\/v1\/([a-z_]+)(?:\/|$)/.exec(path) ?? [];
  return part !== undefined && Object.hasOwn(unserved, part) ? unserved[part] : undefined;
}
