import { startLocal } from '../../local/start-local.ts';
import { completionOf } from '../lambda/apis/chat/completion-schema.ts';

/** Prints a text of the embedded model at temperature 1.5: `node test/end-to-end/seeded-text.ts QUESTION SEED`. */
const [, , content, seed] = process.argv;
const server = await startLocal({ port: 0, host: '127.0.0.1' });
const response = await fetch(`${server.url}/v1/chat/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    model: server.model.id,
    messages: [{ role: 'user', content }],
    seed: Number(seed),
    temperature: 1.5,
    thinking: { waits: 1 },
  }),
});
const { choices } = await completionOf(response);
console.log(`${choices[0].message.reasoning_content}\n---\n${choices[0].message.content}`);
await server.close();
