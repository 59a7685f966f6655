import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../../context.ts';
import type { ApiError } from '../../errors/api-error.ts';
import { givenIds, toForcingPrefix } from '../../forcing/plan.ts';
import type { ToolUse } from '../../formats/tools/tool.ts';
import { lookupOf } from '../../generation/lookup.ts';
import { preparePrompt } from '../../generation/prepare-prompt.ts';
import type { RunningGeneration } from '../../generation/request.ts';
import { startGeneration } from '../../generation/start-generation.ts';
import { toChatUsage } from '../../generation/usage.ts';
import { ignoredHeader } from '../../http/limit-headers.ts';
import { generationContext, respond } from '../../http/respond.ts';
import { dataFrame } from '../../http/server-sent-events.ts';
import { type AnswerEnd, type AnswerLookup, answerFrames, readAnswer, toAnswerReport } from '../answer-frames.ts';
import { route } from '../api.ts';
import { defineDialect } from '../dialect.ts';
import { findTarget } from '../models/find-model.ts';
import { parseRequest } from '../parse-request.ts';
import { storing, userOf } from '../storing.ts';
import { toGenerationRequest } from '../to-generation.ts';
import { toRoutedRequest } from '../to-routed-request.ts';
import { messagesError } from './error.ts';
import { MessageBlocks, type MessageIdentity, messageOf, stopOf, usageOf } from './events.ts';
import { messagesLeniency } from './leniency.ts';
import { rawInputsOf } from './raw-inputs.ts';
import { countTokensSchema, messagesRequestSchema } from './request.ts';
import { messagesToChat } from './to-chat.ts';

/** Anthropic's Messages, with Anthropic's error body. */
export const messages = defineDialect({
  routes: {
    createMessage: route('POST', '/v1/messages', createMessage),
    countTokens: route('POST', '/v1/messages/count_tokens', countTokens),
  },
  errorBody: messagesError,
  describe: async () => (await import('./operations.ts')).description,
});

/** A running generation with what the response needs of the request. */
interface RunningMessage extends RunningGeneration {
  readonly identity: MessageIdentity;
  readonly tools: ToolUse | undefined;
  readonly newId: () => string;
}

/** `POST /v1/messages`, streamed or not. */
function createMessage(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const { request, ignored, text, refusesStore } = await parseRequest(
      context,
      dependencies,
      messagesRequestSchema,
      messagesLeniency,
    );
    const generation = toRoutedRequest(
      messagesToChat(request, rawInputsOf(text)),
      findTarget(dependencies, request.model, context.get('caller')),
    );
    const requestId = context.get('requestId');
    const id = `msg_${dependencies.newId()}`;
    const user = userOf({ metadata: request.metadata?.user_id });
    const { recorder, ignored: unused } = storing(context, dependencies, { id, user, refusesStore, ignored });
    const running = await startGeneration({ ...generation, ignored: unused }, dependencies, {
      ...generationContext(context),
      recorder,
    });
    const run: RunningMessage = {
      ...running,
      identity: { id, model: request.model },
      tools: generation.tools,
      newId: dependencies.newId,
    };
    const response = {
      streamed: request.stream === true,
      whole: () => wholeMessage(run),
      frames: () => messageFrames(run),
      errorFrame: (error: ApiError) => dataFrame(messagesError(error, requestId), 'error'),
    };
    return await respond(run, response, dependencies, requestId);
  };
}

/** `POST /v1/messages/count_tokens`: counts the tokens of a conversation without running it. */
function countTokens(dependencies: AppDependencies) {
  return async (context: Context<AppEnvironment>): Promise<Response> => {
    const { request, ignored, text } = await parseRequest(context, dependencies, countTokensSchema, messagesLeniency);
    // Of a route, the first model reads every prompt.
    const { model } = findTarget(dependencies, request.model, context.get('caller'));
    const generation = toGenerationRequest(messagesToChat(request, rawInputsOf(text)), model);
    const { prefix, requested } = generation;
    const asking = generationContext(context);
    const [prepared, format] = await Promise.all([
      preparePrompt(generation, model, { ...asking, lookup: lookupOf(generation, dependencies, asking.caller) }),
      model.format({ bare: false }),
    ]);
    const { promptIds, prefixIds } = prepared;
    const given = givenIds({
      promptIds,
      format,
      limits: { maxTokens: requested.maxTokens ?? model.settings.defaultMaxThinkingTokens },
      prefix: toForcingPrefix(prefix ?? {}, prefixIds),
    });
    const headers = ignored.length === 0 ? {} : { 'x-budgetforce-ignored': ignoredHeader(ignored) };
    return context.json({ input_tokens: given.length }, 200, headers);
  };
}

async function wholeMessage(run: RunningMessage) {
  const blocks = new MessageBlocks(run.newId);
  const end = await readAnswer(
    run,
    (piece) => blocks.add(piece),
    (lookup) => citeIn(blocks, lookup, run),
  );
  blocks.close();
  const budgetReport = toAnswerReport(end, run);
  return messageOf(run.identity, blocks.blocks, stopOf(end.report, blocks), usage(end), budgetReport);
}

function messageFrames(run: RunningMessage): AsyncGenerator<string> {
  const blocks = new MessageBlocks(run.newId);
  const frame = (event: { readonly type: string }) => dataFrame(event, event.type);
  return answerFrames(run, {
    begin: () => {
      const none = { promptTokens: run.promptTokens, cachedTokens: 0, outputTokens: 0, thinkingTokens: 0 };
      const start = messageOf(run.identity, [], { stop_reason: null, stop_sequence: null }, none);
      return [dataFrame({ type: 'message_start', message: start }, 'message_start')];
    },
    piece: (piece) => blocks.add(piece).map(frame),
    lookup: (lookup) => citeIn(blocks, lookup, run),
    end: (end) => {
      const closed = blocks.close();
      const last = {
        type: 'message_delta',
        delta: stopOf(end.report, blocks),
        usage: usageOf(usage(end)),
        budget_forcing: toAnswerReport(end, run),
      };
      return [...closed, last, { type: 'message_stop' }].map(frame);
    },
  });
}

/** Lets the answer cite the passages of a search. A search has no event in this dialect. */
function citeIn(blocks: MessageBlocks, { account }: AnswerLookup, { cites }: RunningMessage): readonly string[] {
  if (cites && account !== undefined) blocks.cite(account.passages);
  return [];
}

function usage({ report, segments }: AnswerEnd) {
  const chat = toChatUsage([{ report, segments }]);
  return {
    promptTokens: chat.prompt_tokens,
    cachedTokens: chat.prompt_tokens_details.cached_tokens,
    outputTokens: chat.completion_tokens,
    thinkingTokens: chat.completion_tokens_details.reasoning_tokens,
  };
}
