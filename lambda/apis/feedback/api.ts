import type { AppDependencies } from '../../context.ts';
import { goodnessOf, type StoredFeedback } from '../../feedback/feedback.ts';
import { unknownResponse } from '../../feedback/feedback-store.ts';
import { goodAnswersMetric } from '../../feedback/good-answers-metric.ts';
import { requireFeedback } from '../../feedback/require-feedback.ts';
import { defineApi, route } from '../api.ts';
import { readFeedback } from './read-feedback.ts';

/** `/v1/feedback`: what users say about stored answers, by the key that asked for them. */
export const feedback = defineApi({
  routes: {
    giveFeedback: route('POST', '/v1/feedback', (dependencies) => async (context) => {
      const store = requireFeedback(dependencies);
      const given = await readFeedback(context.req.raw);
      const stored = await store.give(context.get('caller').id, given);
      logFeedback(dependencies, context.get('requestId'), stored);
      const { id, metric, created } = stored;
      return context.json({ object: 'feedback', id, metric, created });
    }),
    deleteStored: route('DELETE', '/v1/feedback/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      const key = context.get('caller').id;
      if (!(await requireFeedback(dependencies).delete(key, id))) throw unknownResponse('id', id);
      dependencies.log('info', 'stored generation deleted', { request_id: context.get('requestId'), key, id });
      return context.json({ id, deleted: true });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

/** Writes what is counted, and nothing that a user wrote. */
function logFeedback({ log, models, unixTime }: AppDependencies, requestId: string, stored: StoredFeedback): void {
  const { id, key, metric, model, thinking_tokens: thinkingTokens } = stored;
  const good = goodnessOf(stored);
  const served = models.find(({ settings }) => settings.id === model)?.settings;
  log('info', 'feedback', {
    request_id: requestId,
    ...{ id, key, metric, model },
    ...(good === undefined || served === undefined
      ? {}
      : goodAnswersMetric(served, { good, thinkingTokens }, unixTime())),
  });
}
