import type { ToolUse } from '../../formats/tools/tool.ts';
import type { RunningGeneration } from '../../generation/request.ts';
import { toChatUsage } from '../../generation/usage.ts';
import { type AnswerEnd, toAnswerReport } from '../answer-frames.ts';
import { type ResponseEvent, ResponseItems } from './events.ts';
import type { ResponsesRequest } from './request.ts';
import { type ResponseIdentity, type ResponseState, responseOf } from './response-object.ts';

/** A running generation with what the response needs of the request. */
export interface RunningResponse extends RunningGeneration {
  readonly identity: ResponseIdentity;
  readonly tools: ToolUse | undefined;
  readonly items: ResponseItems;
}

/** @param newId returns the ids of the items, without a prefix */
export function toRunningResponse(
  running: RunningGeneration,
  identity: ResponseIdentity,
  tools: ToolUse | undefined,
  newId: () => string,
): RunningResponse {
  const items = new ResponseItems(newId, { cites: running.cites, showsResults: showsResults(identity.request) });
  return { ...running, identity, tools, items };
}

function showsResults({ include }: ResponsesRequest): boolean {
  return include?.includes('file_search_call.results') === true;
}

/** The events that begin a response. */
export function begunEvents({ identity }: Pick<RunningResponse, 'identity'>): readonly ResponseEvent[] {
  const response = responseOf(identity, [], { status: 'in_progress' });
  return [
    { type: 'response.created', response },
    { type: 'response.in_progress', response },
  ];
}

/** Ends the output. Returns its last events, the last of which has the whole response, and the response. */
export function endedResponse(run: RunningResponse, end: AnswerEnd, at: number) {
  const { report, segments } = end;
  const events = run.items.close(report.finishReason === 'length' ? 'incomplete' : 'completed');
  const state: ResponseState = {
    status: 'ended',
    at,
    report,
    budgetReport: toAnswerReport(end, run),
    usage: toChatUsage([{ report, segments }]),
  };
  const response = responseOf(run.identity, run.items.output, state);
  return { events: [...events, { type: `response.${response.status}`, response }], response };
}
