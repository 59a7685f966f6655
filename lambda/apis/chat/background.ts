import type { BackgroundDialect, ResponseWriter, WrittenEnd } from '../../background/background-dialect.ts';
import type { StoredRequest } from '../../background/response-store.ts';
import type { StoredResponse } from '../../background/stored-response.ts';
import { findTarget } from '../models/find-model.ts';
import { toRoutedRequest } from '../to-routed-request.ts';
import { CollectedSamples } from './completion.ts';
import { type ChatIdentity, chatCompletion } from './events.ts';
import { type ChatRequest, chatRequestSchema } from './request.ts';

/** Chat completions in the background: the completion comes as a whole. */
export const backgroundChat: BackgroundDialect = {
  toGeneration(request, dependencies) {
    const chat = requestOf(request);
    const target = findTarget(dependencies, chat.model, request.caller);
    return { ...toRoutedRequest(chat, target), ignored: request.ignored };
  },
  writer(stored, request, run): ResponseWriter {
    const chatRun = {
      ...run,
      identity: identityOf(stored, request),
      includeUsage: false,
      continuousUsage: false,
      thinkingLogprobs: false,
    };
    const collected = new CollectedSamples(chatRun, { whole: true });
    const take = (event: Parameters<ResponseWriter['take']>[0]) => {
      for (const _ of collected.take(0, event));
      return [];
    };
    return {
      output: [],
      begin: () => [],
      take,
      end(done): WrittenEnd {
        take(done);
        const { choices } = collected;
        return {
          status: 'completed',
          events: [],
          body: chatCompletion(chatRun.identity, choices, collected.usage(choices)),
        };
      },
    };
  },
  failed(_stored, _request, { code, message }): WrittenEnd {
    const body = { error: { message, type: 'server_error', param: null, code } };
    return { status: 'failed', events: [], body };
  },
};

function requestOf({ body }: StoredRequest): ChatRequest {
  return chatRequestSchema.parse(body);
}

function identityOf({ id, created }: StoredResponse, request: StoredRequest): ChatIdentity {
  return { id, created, model: requestOf(request).model };
}
