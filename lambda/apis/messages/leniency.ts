import { anyValue, isJsonObject, isScalar, type JsonObject, type Leniency, type Report } from '../accept-body.ts';
import { echoedCall, echoedId, echoedTexts, mapItems, toolResultText } from '../echoed.ts';
import { ridesAlongEverywhere } from '../rides-along.ts';

/** What clients of Messages may send along. */
export const messagesLeniency: Leniency = {
  ridesAlong: {
    ...ridesAlongEverywhere,
    metadata: { reason: 'not_stored', always: true },
    betas: { reason: 'no_effect' },
    anthropic_beta: { reason: 'no_effect' },
    /** The id of an earlier answer's container. An object asks for skills. */
    container: { reason: 'no_effect', unless: (value) => typeof value !== 'string' },
    diagnostics: { reason: 'no_effect' },
    user_profile_id: { reason: 'no_effect' },
    'system.citations': { reason: 'no_effect' },
    'messages.content.citations': { reason: 'no_effect' },
    'output_config.task_budget': { reason: 'no_effect' },
    'tool_choice.disable_parallel_tool_use': {
      reason: 'not_enforced',
      always: true,
      unless: (value) => value === false,
    },
    'tools.strict': { reason: 'no_effect', unless: (value) => value === false },
  },
  openObjects: {
    tools: anyValue,
    tool_choice: isScalar,
    messages: isScalar,
    'messages.content': isScalar,
    system: isScalar,
  },
  acceptHistory: (body, report) => ({
    ...effortBesideBudget(body, report),
    messages: mapItems(body.messages, (message) => acceptMessage(message, report)),
  }),
};

/** In Anthropic's dialect an effort may stand beside a budget, which is exact, or beside disabled thinking. Then the effort has no effect. */
function effortBesideBudget(body: JsonObject, report: Report): JsonObject {
  const { thinking, output_config: output } = body;
  if (!isJsonObject(thinking) || !isJsonObject(output) || output.effort == null) return body;
  if (thinking.type !== 'disabled' && thinking.budget_tokens == null && thinking.max_tokens == null) return body;
  report('output_config.effort', 'no_effect');
  const { effort: _effort, ...others } = output;
  return { ...body, output_config: others };
}

function acceptMessage(message: JsonObject, report: Report): JsonObject {
  const { role, content } = message;
  if (role === 'assistant') {
    return { role, content: Array.isArray(content) ? acceptBlocks(content, report) : (content ?? '') };
  }
  return {
    ...message,
    content: mapItems(content, (block) => (block.type === 'tool_result' ? acceptResult(block, report) : block)),
  };
}

/** Blocks of an earlier answer: its texts and tool calls. Thinking and the blocks of server tools are dropped. */
function acceptBlocks(blocks: readonly unknown[], report: Report): unknown {
  const kept = blocks.flatMap((block): readonly JsonObject[] => {
    const texts = echoedTexts([block]);
    if (texts.length > 0) return texts.map((text) => ({ type: 'text', text }));
    if (!isJsonObject(block)) return [];
    if (block.type === 'tool_use') {
      const call = echoedCall(block.name, block.id, undefined);
      const input = isJsonObject(block.input) ? block.input : {};
      return call === undefined ? [] : [{ type: 'tool_use', id: call.id, name: call.name, input }];
    }
    if (block.type === 'compaction' && typeof block.content === 'string')
      return [{ type: 'text', text: block.content }];
    const isThinking = block.type === 'thinking' || block.type === 'redacted_thinking';
    if (!isThinking && typeof block.type === 'string') report(`messages.content.${block.type}`, 'text_only');
    return [];
  });
  return kept.length === 0 ? '' : kept;
}

function acceptResult({ tool_use_id: id, content, is_error: isError }: JsonObject, report: Report): JsonObject {
  return {
    type: 'tool_result',
    tool_use_id: echoedId(id),
    content: toolResultText(content, '\n\n', 'messages.content.content', report),
    ...(typeof isError === 'boolean' ? { is_error: isError } : {}),
  };
}
