import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../../property-runs.ts';
import { scriptedApp } from '../scripted-world.ts';
import { errorOf } from './chat/completion-schema.ts';

const fields = [
  'model',
  'messages',
  'stream',
  'thinking',
  'reasoning',
  'reasoning_effort',
  'max_tokens',
  'temperature',
  'top_p',
  'seed',
  'stop',
  'n',
  'vote',
  'stream_options',
  'metadata',
  'user',
  'chat_template_kwargs',
  'thinking_budget',
  '__proto__',
  'constructor',
  'tools',
  'tool_choice',
  'response_format',
  'logit_bias',
  'input',
  'instructions',
  'text',
  'system',
  'stop_sequences',
  'previous_response_id',
  'max_output_tokens',
];
const inner = [
  'min_tokens',
  'max_tokens',
  'waits',
  'wait_text',
  'type',
  'budget_tokens',
  'effort',
  'exclude',
  'role',
  'content',
  'text',
  'include_usage',
  'soft_landing',
  'deadline_ms',
  'name',
  'function',
  'parameters',
  'input_schema',
  'json_schema',
  'schema',
  'format',
  'tool_use_id',
  'call_id',
  'output',
];
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      -1,
      1,
      1.5,
      1e9,
      2 ** 53,
      Number.MAX_VALUE,
      '',
      'user',
      'assistant',
      'system',
      'text',
      'scripted',
      'none',
      '<|im_end|>',
      'function',
      'tool_result',
      'tool_use',
      'function_call',
      'function_call_output',
      'json_schema',
      'required',
      'enabled',
      '\u0000',
      '\ud800',
    ),
    fc.string({ maxLength: 8 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...inner, ...fields), tie('any'), { maxKeys: 4 }),
  ),
})).any;
/** A valid request of each route, short enough for a script that never ends. */
const routes = fc.constantFrom(
  {
    path: '/v1/chat/completions',
    good: { messages: [{ role: 'user', content: 'x' }], thinking: { max_tokens: 1 }, max_completion_tokens: 3 },
  },
  { path: '/v1/responses', good: { input: 'x', thinking: { max_tokens: 1 }, max_output_tokens: 3 } },
  {
    path: '/v1/messages',
    good: { messages: [{ role: 'user', content: 'x' }], thinking: { max_tokens: 1 }, max_tokens: 3 },
  },
);
const mutation = fc.dictionary(fc.constantFrom(...fields), value, { minKeys: 1, maxKeys: 4 });

describe('malformed requests', () => {
  it('a malformed request never is a 5xx, never hangs, and its error names a field or describes the body', async () => {
    const { app } = scriptedApp([]);
    await fc.assert(
      fc.asyncProperty(routes, mutation, async ({ path, good }, change) => {
        const body = JSON.stringify({ model: 'scripted', ...good, ...change });
        const response = await app.request(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        expect(response.status).toBeLessThan(500);
        if (response.status === 200) {
          await response.text();
          return;
        }
        const { message, type, param } = await errorOf(response);
        expect(['invalid_request_error', 'not_found_error']).toContain(type);
        expect(message.length).toBeGreaterThan(10);
        expect(message).not.toContain('[object Object]');
        // Anthropic's shape has no `param`: only the message names the field.
        if (path !== '/v1/messages') expect(param).not.toBeNull();
      }),
      { numRuns: runs(20_000), seed: 20261124 },
    );
  }, 120_000);

  it('a body of arbitrary bytes is a 4xx', async () => {
    const { app } = scriptedApp([]);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom('application/json', 'text/plain', '', 'application/json; charset=utf-16', '\u00ff'),
        async (bytes, type) => {
          const response = await app.request('/v1/chat/completions', {
            method: 'POST',
            headers: type === '' ? {} : { 'content-type': type },
            body: new Uint8Array(bytes),
          });
          expect(response.status).toBeGreaterThanOrEqual(400);
          expect(response.status).toBeLessThan(500);
          await errorOf(response);
        },
      ),
      { numRuns: runs(2_000), seed: 5 },
    );
  });
});
