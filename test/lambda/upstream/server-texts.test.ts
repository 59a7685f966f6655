import { describe, expect, it } from 'vitest';
import { ModelFailedError, ModelMisconfiguredError, ModelRejectedError } from '../../../lambda/upstream/errors.ts';
import { statusToError } from '../../../lambda/upstream/status-to-error.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

const secret = 'CUDA error in /opt/vllm/worker.py on 10.0.3.7: prompt was "my secret"';
const quoted = { serverMessage: secret };

describe('The text of a model server', () => {
  it.each([
    ['a rejection', new ModelRejectedError(`The model server rejected the request (status 400): ${secret}`, quoted)],
    ['a failure', new ModelFailedError(`The model server failed (status 500): ${secret}`, quoted)],
    ['a missing model', new ModelMisconfiguredError(`The model server has no such model: ${secret}`, quoted)],
    ['a status', statusToError(422, JSON.stringify({ detail: secret }))],
  ])('The text in %s reaches neither the client nor the log', async (_, error) => {
    const fails = { says: '', fails: error };
    for (const body of [{}, { stream: true }]) {
      const { app, log } = scriptedApp([fails, fails, fails, fails]);
      const text = await (await app.request('/v1/chat/completions', chat(body))).text();
      expect(text).toContain('The model server');
      for (const written of [text, JSON.stringify(log)]) {
        expect(written).not.toContain('CUDA');
        expect(written).not.toContain('my secret');
      }
    }
  });

  it('The rest of the message stays a sentence', () => {
    expect(statusToError(400, JSON.stringify({ message: secret })).publicMessage).toBe(
      'The model server rejected the request (status 400).',
    );
    expect(statusToError(503, secret).publicMessage).toBe('The model server is starting or overloaded.');
  });
});
