import { invalidRequest } from '../../errors/api-error.ts';
import { anyValue, isScalar, type JsonObject, type Leniency, type Report } from '../accept-body.ts';
import { echoedCall, echoedId, echoedTexts, mapItems, toolResultText } from '../echoed.ts';
import { ridesAlongEverywhere } from '../rides-along.ts';

/** What clients of Responses may send along. */
export const responsesLeniency: Leniency = {
  ridesAlong: {
    ...ridesAlongEverywhere,
    // A response can be stored: true and false say whether.
    store: { reason: 'not_stored', unless: (value) => typeof value === 'boolean' },
    truncation: { reason: 'no_effect' },
    include: { reason: 'no_effect', always: true, unless: asksForResults },
    max_tool_calls: { reason: 'no_effect' },
    'text.verbosity': { reason: 'no_effect' },
    'tools.strict': { reason: 'no_effect', always: true, unless: (value) => value === false },
  },
  openObjects: { tools: anyValue, stream_options: anyValue, input: isScalar },
  acceptHistory: (body, report) => ({ ...body, input: mapItems(body.input, (item) => acceptItem(item, report)) }),
};

function asksForResults(include: unknown): boolean {
  return Array.isArray(include) && include.includes('file_search_call.results');
}

/** An item that is skipped: `toChat` passes over reasoning. */
const skipped: JsonObject = { type: 'reasoning' };

function acceptItem(item: JsonObject, report: Report): JsonObject {
  const { type, role } = item;
  if (type === 'message' || ((type === undefined || type === null) && role !== undefined)) return acceptMessage(item);
  // The schema refuses an item without a type.
  if (typeof type !== 'string') return item;
  if (type === 'item_reference') {
    throw invalidRequest(
      'input',
      'input has an item_reference, but responses are not stored. Send the item itself: set store: false in the client.',
    );
  }
  if (type === 'reasoning' || type === 'file_search_call') return skipped;
  if (type === 'function_call' || type === 'custom_tool_call') {
    const call = echoedCall(item.name, item.call_id ?? item.id, item.arguments ?? { input: item.input });
    if (call === undefined) return skipped;
    const { id, ...named } = call;
    return { type: 'function_call', call_id: id, ...named };
  }
  if (type === 'function_call_output' || type === 'custom_tool_call_output') {
    const output = toolResultText(item.output, '', 'input.output', report);
    return { type: 'function_call_output', call_id: echoedId(item.call_id), output };
  }
  report(`input.${type}`, 'text_only');
  return skipped;
}

function acceptMessage({ role, content, type: _type, id: _id, status: _status, phase: _phase, ...rest }: JsonObject) {
  return role === 'assistant' ? { role, content: echoedTexts(content).join('') } : { role, content, ...rest };
}
