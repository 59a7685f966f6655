import { isJsonObject, type RidesAlong } from './accept-body.ts';

const noEffect: RidesAlong = { reason: 'no_effect' };

/** Top-level fields that ride along in every dialect. A value that the schema accepts, such as `store: false`, is honored. */
export const ridesAlongEverywhere: Readonly<Record<string, RidesAlong>> = {
  store: { reason: 'not_stored' },
  user: { reason: 'no_effect', always: true },
  safety_identifier: { reason: 'no_effect', always: true },
  client_metadata: noEffect,
  litellm_metadata: noEffect,
  service_tier: noEffect,
  prompt_cache_key: { reason: 'automatic', always: true },
  prompt_cache_retention: { reason: 'automatic' },
  prompt_cache_options: { reason: 'automatic' },
  cache_prompt: { reason: 'automatic' },
  cache_salt: { reason: 'automatic' },
  context_management: noEffect,
  /** OpenRouter's switch of usage, which every response has. */
  usage: { reason: 'automatic', unless: (value) => !isJsonObject(value) },
  parallel_tool_calls: { reason: 'not_enforced', always: true, unless: (value) => value === true },
  extra_headers: noEffect,
  request_id: noEffect,
  priority: noEffect,
  speed: noEffect,
  separate_reasoning: { reason: 'automatic', unless: (value) => value !== true },
  stream_reasoning: { reason: 'automatic', unless: (value) => value !== true },
  'reasoning.summary': noEffect,
  'reasoning.generate_summary': noEffect,
  'reasoning.context': noEffect,
  'thinking.clear_thinking': noEffect,
  'thinking.keep': noEffect,
  'thinking.display': noEffect,
  preserve_thinking: noEffect,
  'chat_template_kwargs.preserve_thinking': noEffect,
  'chat_template_kwargs.clear_thinking': noEffect,
  'chat_template_kwargs.add_generation_prompt': { reason: 'automatic', unless: (value) => value !== true },
  add_generation_prompt: { reason: 'automatic', unless: (value) => value !== true },
};
