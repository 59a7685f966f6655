import { describe, expect, it } from 'vitest';
import { chatRequestSchema } from '../../../lambda/apis/chat/request.ts';
import { toGenerationRequest } from '../../../lambda/apis/to-generation.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { ScriptedModel } from '../scripted-world.ts';
import { glm, qwen } from '../tokenizer/published-tokenizers.ts';

function convert(format: 'glm-4.7' | 'qwen3', json: string) {
  const settings = {
    id: 'x',
    format,
    contextTokens: 32_768,
    upstream: { kind: 'openai-compatible', baseUrl: 'http://localhost:1/v1', servedModelName: 'x' },
    tokenizer: { kind: 'endpoint' },
    defaultMaxThinkingTokens: 100,
    maxThinkingTokens: 1_000,
    defaultMaxAnswerTokens: 100,
    efforts: {},
  } as const;
  const model = new ServedModel(settings, new ScriptedModel([]), format === 'qwen3' ? qwen : glm);
  const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: json } };
  const messages = [
    { role: 'user', content: 'Look.' },
    { role: 'assistant', tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: 'Seen.' },
  ];
  return toGenerationRequest(chatRequestSchema.parse({ model: 'x', messages }), model);
}

describe('calls of an earlier turn in a family that writes arguments between tags', () => {
  it.each(['{"at": ', '[1]', '"text"', ''])('the arguments %j are refused with what to give', (json) => {
    expect(() => convert('glm-4.7', json)).toThrow(/"call_1" are not a JSON object.*Give the whole object/);
  });

  it('an object reaches the turn byte for byte, and JSON families take any text', () => {
    const json = '{"at": 1.10}';
    expect(convert('glm-4.7', json).turns[1]?.calls).toEqual([{ id: 'call_1', name: 'look', arguments: json }]);
    expect(() => convert('qwen3', '{"at": ')).not.toThrow();
  });
});
