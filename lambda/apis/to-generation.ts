import { invalidRequest } from '../errors/api-error.ts';
import type { Turn } from '../forcing/format.ts';
import type { FieldNames, RequestedBudget } from '../forcing/settle-limits.ts';
import { callStructure } from '../formats/tools/hermes.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import type { GenerationRequest, ThinkingOptions } from '../generation/request.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { ModelSettings } from '../settings/settings.ts';
import type { AnswerStructure, Sampling } from '../upstream/segment-model.ts';
import type { ChatRequest } from './chat/request.ts';
import { continuedThought } from './continued-message.ts';
import { excessOf } from './json-schema.ts';
import { retrievalOf } from './retrieval-fields.ts';
import { flooredMinP, flooredPenalty, flooredTemperature, flooredTopP } from './sampling-fields.ts';
import { toThinkingOptions } from './thinking-options.ts';
import { voteOf } from './vote-of.ts';

/** Converts a chat request, to which the other dialects convert first. */
export function toGenerationRequest(request: ChatRequest, model: ServedModel): GenerationRequest {
  const tools = toolUseOf(request, model);
  const structure = structureOf(request, tools);
  return {
    model,
    tools,
    ...conversationOf(request),
    ...budgetOf(request, model.settings),
    ...retrievalOf(request.retrieval, model.settings.contextTokens),
    sampling: samplingOf(request, model.settings),
    stopTexts: stopTextsOf(request),
    samples: request.n ?? 1,
    ...voteOf(request),
    ...topLogprobsOf(request),
    ...(structure === undefined ? {} : { structure }),
    ...minimumOf(request, structure),
  };
}

function minimumOf(
  request: ChatRequest,
  structure: AnswerStructure | undefined,
): Pick<GenerationRequest, 'minCompletionTokens'> {
  const { ignore_eos: ignores, min_tokens: min } = request;
  const field = ignores === true ? 'ignore_eos' : 'min_tokens';
  if (ignores !== true && (min ?? 0) === 0) return {};
  if (structure !== undefined) {
    throw invalidRequest(
      field,
      `${field} masks the end of the answer, but it must have a form (response_format or tool_choice), which ends it. Omit one of them.`,
    );
  }
  if (ignores === true) return { minCompletionTokens: Number.POSITIVE_INFINITY };
  const max = request.max_completion_tokens ?? request.max_tokens;
  if (min != null && max != null && min > max) {
    throw invalidRequest(
      'min_tokens',
      `min_tokens (${min}) is greater than the maximum of tokens (${max}). Give a minimum that is not above the maximum.`,
    );
  }
  return min == null ? {} : { minCompletionTokens: min };
}

function topLogprobsOf({ logprobs, top_logprobs: top }: ChatRequest): { readonly topLogprobs?: number } {
  if (logprobs === true) return { topLogprobs: top ?? 0 };
  if (top == null || top === 0) return {};
  throw invalidRequest('top_logprobs', `top_logprobs (${top}) requires logprobs: true. Give both or neither.`);
}

/**
 * The turns, and the beginning of the output if the last message has one: a text of the assistant, or its thinking with
 * `continue_final_message`.
 */
function conversationOf(request: ChatRequest): Pick<GenerationRequest, 'turns' | 'prefix'> {
  const { messages } = request;
  const thinking = continuedThought(request);
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || last.tool_calls != null) return { turns: turnsOf(messages) };
  const answer = last.content == null ? '' : textOf(last.content);
  const turns = turnsOf(messages.slice(0, -1));
  if (answer === '' && thinking === '') return { turns };
  if (turns.length === 0) {
    throw invalidRequest(
      'messages',
      'messages has only the beginning of an answer. Give a message of the user before it.',
    );
  }
  return { turns, prefix: { ...(thinking === '' ? {} : { thinking }), ...(answer === '' ? {} : { answer }) } };
}

/** Converts messages to turns; `developer` counts as `system`. Whether earlier thinking stays is the family's rule. */
function turnsOf(messages: ChatRequest['messages']): readonly Turn[] {
  return messages.map((message): Turn => {
    const content = [{ text: message.content == null ? '' : textOf(message.content) }];
    if (message.role === 'tool') return { role: 'tool', content, callId: message.tool_call_id };
    if (message.role !== 'assistant') return { role: message.role === 'developer' ? 'system' : message.role, content };
    const thinking = message.reasoning_content ?? message.reasoning ?? '';
    const calls = (message.tool_calls ?? []).map(({ id, function: called }) => ({ id, ...called }));
    return {
      role: 'assistant',
      content,
      ...(thinking === '' ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { calls }),
    };
  });
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map((part) => part.text).join('');
}

function toolUseOf(request: ChatRequest, model: ServedModel): ToolUse | undefined {
  const { tool_choice: choice, messages } = request;
  const tools = (request.tools ?? []).map((tool) => tool.function);
  const usesTools =
    tools.length > 0 ||
    messages.some((message) => message.role === 'tool' || (message.role === 'assistant' && message.tool_calls != null));
  if (usesTools && model.tools === undefined) {
    throw invalidRequest(
      'tools',
      `tools are not supported by the format ${JSON.stringify(model.settings.format)}: its models were not trained to call tools. Leave them out.`,
      'unsupported_parameter',
    );
  }
  if (typeof model.tools === 'object' && model.tools.arguments !== 'json') checkArguments(messages);
  const grammar = model.tools === undefined ? {} : { grammar: model.tools };
  if (tools.length === 0) {
    if (choice != null && choice !== 'none' && choice !== 'auto') {
      throw invalidRequest('tool_choice', 'tool_choice requires a call, but the request has no tools. Give tools.');
    }
    return undefined;
  }
  if (choice === 'none') return undefined;
  if (choice == null || choice === 'auto') return { tools, choice: 'auto', ...grammar };
  if (choice === 'required') return { tools, choice, ...grammar };
  const chosen = tools.filter((tool) => tool.name === choice.function.name);
  if (chosen.length === 0) {
    throw invalidRequest(
      'tool_choice',
      `tool_choice names ${JSON.stringify(choice.function.name)}, but tools has: ${tools.map((tool) => tool.name).join(', ')}.`,
    );
  }
  return { tools: chosen, choice: 'required', ...grammar };
}

/** A family that writes each argument between tags cannot write a call whose arguments are no object. */
function checkArguments(messages: ChatRequest['messages']): void {
  for (const message of messages) {
    if (message.role !== 'assistant') continue;
    for (const { id, function: called } of message.tool_calls ?? []) {
      if (isObjectText(called.arguments)) continue;
      throw invalidRequest(
        'messages',
        `The arguments of the call ${JSON.stringify(id)} are not a JSON object, so the prompt cannot contain the call. Give the whole object, or leave the call and its result out.`,
      );
    }
  }
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function structureOf(request: ChatRequest, tools: ToolUse | undefined): AnswerStructure | undefined {
  const format = request.response_format;
  const formed = format != null && format.type !== 'text';
  if (formed && tools !== undefined) {
    throw invalidRequest(
      'response_format',
      `response_format ${JSON.stringify(format.type)} and tools require different forms of the answer. Give one of them, or tool_choice "none".`,
    );
  }
  if (tools?.choice === 'required') {
    const structure = callStructure(tools.tools);
    const excess = structure.kind === 'json_schema' ? excessOf(structure.schema) : undefined;
    if (excess === undefined) return structure;
    throw invalidRequest(
      'tools',
      `The parameters of all tools, one of which must be called, form a schema that ${excess}`,
    );
  }
  if (!formed) return undefined;
  return format.type === 'json_object'
    ? { kind: 'json_object' }
    : { kind: 'json_schema', schema: format.json_schema.schema };
}

/** The requested budget, and the names of the fields that set it. */
function budgetOf(
  request: ChatRequest,
  settings: ModelSettings,
): { readonly requested: RequestedBudget; readonly names: FieldNames; readonly thinking: ThinkingOptions } {
  const thinking = toThinkingOptions(request, settings.efforts);
  const total = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  if (
    request.max_completion_tokens != null &&
    request.max_tokens != null &&
    request.max_completion_tokens !== request.max_tokens
  ) {
    throw invalidRequest(
      'max_tokens',
      `max_tokens (${request.max_tokens}) and max_completion_tokens (${request.max_completion_tokens}) differ. Give one of them.`,
    );
  }
  return {
    thinking,
    requested: {
      ...(thinking.minTokens === undefined ? {} : { minTokens: thinking.minTokens }),
      ...(thinking.maximum === undefined ? {} : { maxTokens: thinking.maximum.tokens }),
      ...(thinking.waits === undefined ? {} : { waits: thinking.waits }),
      ...(total === undefined ? {} : { maxCompletionTokens: total }),
      maxIsPreference: thinking.maximum?.effort ?? false,
    },
    names: {
      minTokens: 'thinking.min_tokens',
      maxTokens: thinking.maximum?.field ?? 'thinking.max_tokens',
      maxCompletionTokens: request.max_completion_tokens == null ? 'max_tokens' : 'max_completion_tokens',
    },
  };
}

/** Sampling parameters. If the request omits one, the model's settings decide, then the model server. */
function samplingOf(request: ChatRequest, settings: ModelSettings): Sampling {
  const temperature = request.temperature ?? settings.defaultTemperature;
  return {
    ...(temperature === undefined ? {} : { temperature: flooredTemperature(temperature) }),
    ...(request.top_p == null ? {} : { topP: flooredTopP(request.top_p) }),
    ...(request.top_k == null ? {} : { topK: request.top_k }),
    ...(request.min_p == null ? {} : { minP: flooredMinP(request.min_p) }),
    ...(request.repetition_penalty == null ? {} : { repetitionPenalty: request.repetition_penalty }),
    ...(request.frequency_penalty == null ? {} : { frequencyPenalty: flooredPenalty(request.frequency_penalty) }),
    ...(request.presence_penalty == null ? {} : { presencePenalty: flooredPenalty(request.presence_penalty) }),
    ...(request.seed == null ? {} : { seed: request.seed }),
  };
}

function stopTextsOf(request: ChatRequest): readonly string[] {
  if (request.stop == null) return [];
  return typeof request.stop === 'string' ? [request.stop] : request.stop;
}
