import type { BackgroundDialect, ResponseWriter, WrittenEnd } from '../../background/background-dialect.ts';
import type { StoredRequest } from '../../background/response-store.ts';
import { type StoredResponse, waitingMember } from '../../background/stored-response.ts';
import { AnswerReader } from '../../generation/answer-reader.ts';
import { type ResponseIdentity, type ResponseState, responseOf } from './response-object.ts';
import { begunEvents, endedResponse, toRunningResponse } from './response-run.ts';
import { callOf, toResponseGeneration } from './stored-request.ts';

/** Responses in the background. */
export const backgroundResponses: BackgroundDialect = {
  toGeneration: (request, dependencies) =>
    toResponseGeneration(callOf(request), request.ignored, dependencies, request.caller),
  writer(stored, request, run): ResponseWriter {
    const { tools } = run;
    const response = toRunningResponse(run, identityOf(stored, request), tools, idsOf(stored));
    const reader = new AnswerReader({ excludeThinking: run.excludeThinking, tools, whole: false });
    return {
      get output() {
        return response.items.output;
      },
      begin: () => begunEvents(response).slice(1),
      take: (event) =>
        event.kind === 'lookup'
          ? response.items.lookup(event)
          : reader.take(event).flatMap((piece) => response.items.add(piece)),
      end(done, at): WrittenEnd {
        const last = reader.take(done).flatMap((piece) => response.items.add(piece));
        const { events, response: body } = endedResponse(response, done, at);
        const status = body.status === 'incomplete' ? 'incomplete' : 'completed';
        return { status, events: [...last, ...events], body };
      },
    };
  },
  failed(stored, request, { code, message }, output): WrittenEnd {
    const body = responseOf(identityOf(stored, request), output, { status: 'failed', code, message });
    return { status: 'failed', events: [{ type: 'response.failed', response: body }], body };
  },
};

/** The body of a response that has not ended, or was cancelled. */
export function unfinishedBody(
  stored: StoredResponse,
  request: StoredRequest,
  status: Extract<ResponseState, { status: 'queued' | 'in_progress' | 'cancelled' }>['status'],
  output: readonly unknown[] = [],
) {
  return {
    ...responseOf(identityOf(stored, request), output, { status }),
    ...waitingMember(stored),
  };
}

function identityOf({ id, created }: StoredResponse, request: StoredRequest): ResponseIdentity {
  return { id, created, request: callOf(request).request };
}

/** Ids of items that follow from that of the response, so that a later segment of work gives the same. */
function idsOf({ id }: StoredResponse): () => string {
  let count = 0;
  return () => `${id.slice(id.indexOf('_') + 1)}${String(count++).padStart(4, '0')}`;
}
