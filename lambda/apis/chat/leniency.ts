import { anyValue, isJsonObject, isScalar, type JsonObject, type Leniency, type Report } from '../accept-body.ts';
import { echoedCall, echoedId, echoedTexts, mapItems, toolResultText } from '../echoed.ts';
import { ridesAlongEverywhere } from '../rides-along.ts';

/** What clients of Chat Completions may send along. */
export const chatLeniency: Leniency = {
  ridesAlong: {
    ...ridesAlongEverywhere,
    metadata: { reason: 'not_stored', always: true },
    add_generation_prompt: { reason: 'automatic', always: true, unless: (value) => value !== true },
    verbosity: { reason: 'no_effect' },
    prediction: { reason: 'no_effect', unless: (value) => !isJsonObject(value) || value.type !== 'content' },
    'tools.function.strict': { reason: 'no_effect', always: true, unless: (value) => value === false },
  },
  openObjects: {
    tools: anyValue,
    'tools.function': anyValue,
    stream_options: anyValue,
    messages: isScalar,
    'messages.content': isScalar,
  },
  acceptHistory: (body, report) => ({
    ...body,
    messages: acceptMessages(body, report),
  }),
};

/** The messages. The thinking of the last one is kept if the response continues it. */
function acceptMessages({ messages, continue_final_message: continues }: JsonObject, report: Report): unknown {
  const last: unknown = Array.isArray(messages) && continues === true ? messages.at(-1) : undefined;
  return mapItems(messages, (message) => {
    const accepted = acceptMessage(message, report);
    return message === last && message.role === 'assistant' ? { ...accepted, ...thinkingOf(message) } : accepted;
  });
}

function thinkingOf({ reasoning, reasoning_content: thinking }: JsonObject): JsonObject {
  return { reasoning, reasoning_content: thinking };
}

function acceptMessage(message: JsonObject, report: Report): JsonObject {
  if (message.role === 'assistant') return acceptAssistant(message);
  if (message.role !== 'tool' && message.role !== 'function') return message;
  const id = message.role === 'tool' ? message.tool_call_id : message.name;
  return {
    role: 'tool',
    tool_call_id: echoedId(id),
    content: toolResultText(message.content, '', 'messages.content', report),
  };
}

function acceptAssistant({ content, tool_calls: calls, function_call: legacy }: JsonObject): JsonObject {
  const given: readonly unknown[] = Array.isArray(calls) ? calls : [];
  const own = given.length === 0 && isJsonObject(legacy) ? [{ function: legacy }] : given;
  const kept = own.flatMap((call) => {
    if (!isJsonObject(call)) return [];
    const called = isJsonObject(call.function) ? call.function : call.custom;
    if (!isJsonObject(called)) return [];
    const echoed = echoedCall(called.name, call.id, called.arguments ?? { input: called.input });
    if (echoed === undefined) return [];
    const { id, ...named } = echoed;
    return [{ id, type: 'function', function: named }];
  });
  return {
    role: 'assistant',
    content: echoedTexts(content).join(''),
    ...(kept.length === 0 ? {} : { tool_calls: kept }),
  };
}
