import * as z from 'zod';
import type { ResponseStore, StoredRequest } from '../../background/response-store.ts';
import type { StoredResponse } from '../../background/stored-response.ts';
import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { GenerationRequest, IgnoredField } from '../../generation/request.ts';
import type { Caller } from '../../keys/key-record.ts';
import { findTarget } from '../models/find-model.ts';
import { toRoutedRequest } from '../to-routed-request.ts';
import { type InputItem, inputItemSchema, type ResponsesRequest, responsesRequestSchema } from './request.ts';
import { itemsOf, responsesToChat } from './to-chat.ts';

/** A request of Responses with the conversation before it. */
export interface ResponsesCall {
  readonly request: ResponsesRequest;
  /** Items of the conversation that `previous_response_id` names. Empty without one. */
  readonly history: readonly InputItem[];
}

const callSchema: z.ZodType<ResponsesCall> = z.object({
  request: responsesRequestSchema,
  history: z.array(inputItemSchema),
});

/** The call that `StoredRequest.body` is. */
export function callOf({ body }: Pick<StoredRequest, 'body'>): ResponsesCall {
  return callSchema.parse(body);
}

/** Converts a call to what runs. @throws {ApiError} if it asks for something that the model cannot do */
export function toResponseGeneration(
  { request, history }: ResponsesCall,
  ignored: readonly IgnoredField[],
  dependencies: AppDependencies,
  caller: Caller,
): GenerationRequest {
  const target = findTarget(dependencies, request.model, caller);
  const input = history.length === 0 ? request.input : [...history, ...itemsOf(request.input)];
  const names = { maxCompletionTokens: 'max_output_tokens' };
  return { ...toRoutedRequest(responsesToChat({ ...request, input }), target, names), ignored };
}

const outputSchema = z.object({
  output: z.array(
    z.looseObject({
      type: z.string(),
      content: z.array(z.looseObject({ text: z.string() })).optional(),
      call_id: z.string().optional(),
      name: z.string().optional(),
      arguments: z.string().optional(),
    }),
  ),
});

/**
 * The conversation up to the end of a stored response: what its request had, and its output. Thinking is not passed on.
 *
 * @throws {ApiError} 404 if the key has no such response; 400 if it has not ended with an answer
 */
export async function conversationOf(store: ResponseStore, key: string, id: string): Promise<readonly InputItem[]> {
  const stored = await store.require({ key, id });
  const body = stored.result === undefined ? undefined : await store.content(stored.result);
  if (stored.dialect !== 'responses' || body === undefined || !hasAnswer(stored)) {
    throw new ApiError(
      400,
      `previous_response_id names a response that is ${stored.status}. Name one that is completed or incomplete.`,
      { param: 'previous_response_id', code: 'response_not_ended' },
    );
  }
  const { request, history } = callOf(await store.request(stored));
  return [...history, ...itemsOf(request.input), ...outputSchema.parse(body).output.flatMap(toInputItem)];
}

function hasAnswer({ status }: StoredResponse): boolean {
  return status === 'completed' || status === 'incomplete';
}

function toInputItem(item: z.infer<typeof outputSchema>['output'][number]): readonly InputItem[] {
  const { type, content = [], call_id: callId = '', name = '', arguments: text = '' } = item;
  if (type === 'message') return [{ role: 'assistant', content: content.map((part) => part.text).join('') }];
  return type === 'function_call' ? [{ type, call_id: callId, name, arguments: text }] : [];
}
