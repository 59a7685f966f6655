import type { GenerationRequest } from '../../../lambda/generation/request.ts';
import type { Caller } from '../../../lambda/keys/key-record.ts';
import type { ModelSettings } from '../../../lambda/settings/settings.ts';
import { type ScriptedSegment, scriptedModel } from '../scripted-world.ts';

/** A request without options to a scripted model. */
export function aRequest(
  changes: Partial<GenerationRequest> = {},
  settings: Partial<ModelSettings> = {},
  script: readonly ScriptedSegment[] = [],
): GenerationRequest {
  return {
    model: scriptedModel('scripted', script, settings),
    turns: [{ role: 'user', content: [{ text: 'How many?' }] }],
    tools: undefined,
    requested: {},
    names: { minTokens: 'thinking.min_tokens', maxTokens: 'thinking.max_tokens', maxCompletionTokens: 'max_tokens' },
    thinking: {
      maximum: undefined,
      minTokens: undefined,
      waits: undefined,
      waitText: undefined,
      softLanding: undefined,
      detectLoops: undefined,
      deadlineMs: undefined,
      elastic: undefined,
      exclude: false,
    },
    sampling: {},
    stopTexts: [],
    samples: 1,
    ...changes,
  };
}

export const aCaller = (limits: Caller['limits'] = {}): Caller => ({ id: 'key_1', admin: false, limits });

/** The context of a request of this caller. */
export const aContext = (limits: Caller['limits'] = {}) => ({
  requestId: 'r1',
  caller: aCaller(limits),
  signal: new AbortController().signal,
});
