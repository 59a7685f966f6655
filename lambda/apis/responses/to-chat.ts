import { invalidRequest } from '../../errors/api-error.ts';
import type { ChatRequest } from '../chat/request.ts';
import { refuseThinkingLogprobs } from '../thinking-options.ts';
import { refuseSeveralAnswers } from '../vote-of.ts';
import type { InputItem, ResponsesRequest } from './request.ts';

/** Converts a request of the Responses dialect to a chat request. */
export function responsesToChat(request: ResponsesRequest): ChatRequest {
  const { tool_choice: choice } = request;
  refuseThinkingLogprobs(request.thinking);
  refuseSeveralAnswers(request);
  const format = request.text?.format;
  return {
    model: request.model,
    messages: messagesOf(request),
    ...(request.thinking === undefined ? {} : { thinking: request.thinking }),
    ...retrievalOf(request),
    ...(request.reasoning == null
      ? {}
      : { reasoning: { effort: request.reasoning.effort, max_tokens: request.reasoning.max_tokens } }),
    max_completion_tokens: request.max_output_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    top_k: request.top_k,
    min_p: request.min_p,
    repetition_penalty: request.repetition_penalty,
    frequency_penalty: request.frequency_penalty,
    presence_penalty: request.presence_penalty,
    seed: request.seed,
    stop: request.stop,
    ignore_eos: request.ignore_eos,
    min_tokens: request.min_tokens,
    n: request.n,
    vote: request.vote,
    vote_until: request.vote_until,
    vote_weights: request.vote_weights,
    response_format:
      format?.type === 'json_schema'
        ? { type: 'json_schema', json_schema: { name: format.name, schema: format.schema } }
        : format,
    tools: functionsOf(request)?.map(({ name, description, parameters }) => ({
      type: 'function',
      function: {
        name,
        ...(description == null ? {} : { description }),
        ...(parameters == null ? {} : { parameters }),
      },
    })),
    tool_choice:
      typeof choice === 'object' && choice?.type === 'file_search'
        ? 'auto'
        : typeof choice === 'object' && choice !== null
          ? { type: 'function', function: { name: choice.name } }
          : choice,
  };
}

/** The documents to look up: those of the tool, with what `retrieval` says beside it. */
function retrievalOf({ retrieval, tools }: ResponsesRequest): Pick<ChatRequest, 'retrieval'> {
  const [tool, second] = tools?.filter((each) => each.type === 'file_search') ?? [];
  if (second !== undefined) {
    throw invalidRequest(
      'tools',
      'tools has more than one file_search. Give one, with the ids of all its vector stores.',
    );
  }
  if (tool === undefined) return retrieval === undefined ? {} : { retrieval };
  const { vector_store_ids: stores, max_num_results: max, filters, ranking_options: ranking } = tool;
  return {
    retrieval: {
      max_results: max ?? FILE_SEARCH_RESULTS,
      ...(filters == null ? {} : { filters }),
      ...(ranking == null ? {} : { ranking_options: ranking }),
      ...retrieval,
      stores: [...stores, ...(retrieval?.stores ?? [])],
    },
  };
}

function functionsOf({ tools }: ResponsesRequest) {
  const functions = tools?.filter((tool) => tool.type === 'function');
  return functions?.length === 0 ? undefined : functions;
}

/** OpenAI's default of `max_num_results`. Source: https://platform.openai.com/docs/guides/tools-file-search */
const FILE_SEARCH_RESULTS = 20;

function messagesOf({ input, instructions }: ResponsesRequest): ChatRequest['messages'] {
  const messages: ChatRequest['messages'] = instructions == null ? [] : [{ role: 'system', content: instructions }];
  const items = itemsOf(input);
  for (const entry of items) {
    if (entry.type === 'reasoning' || entry.type === 'file_search_call') continue;
    if ('role' in entry) {
      messages.push({ role: entry.role, content: textOf(entry.content) });
    } else if (entry.type === 'function_call') {
      const call = {
        id: entry.call_id,
        type: 'function' as const,
        function: { name: entry.name, arguments: entry.arguments },
      };
      const last = messages.at(-1);
      // The calls of a turn and the text before them are one message.
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), call];
      else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
    } else if (entry.type === 'function_call_output') {
      messages.push({ role: 'tool', tool_call_id: entry.call_id, content: textOf(entry.output) });
    }
  }
  if (messages.length === 0) throw invalidRequest('input', 'input has no message. Give at least one message.');
  return messages;
}

/** The items of an input. */
export function itemsOf(input: ResponsesRequest['input']): readonly InputItem[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : input;
}

function textOf(given: string | readonly { readonly text: string }[]): string {
  return typeof given === 'string' ? given : given.map((part) => part.text).join('');
}
