import type { Batches } from '../../batches/batches.ts';
import type { BatchRecord } from '../../batches/records.ts';
import type { AppDependencies } from '../../context.ts';
import { ApiError, invalidRequest } from '../../errors/api-error.ts';
import { parseBody } from '../../http/parse-body.ts';
import { parseQuery } from '../../http/parse-query.ts';
import { requireFiles } from '../../retrieval/stores/require-stores.ts';
import { defineApi, route } from '../api.ts';
import { pageOf } from '../paging.ts';
import { checkRawPrompts } from '../raw-prompts.ts';
import { batchQuerySchema, newBatchSchema } from './request.ts';

/** Most pairs of metadata, as OpenAI limits them. */
const MAX_METADATA = 16;

/** `/v1/batches`: requests that run when copies are free, as OpenAI's. */
export const batches = defineApi({
  routes: {
    createBatch: route('POST', '/v1/batches', (dependencies) => async (context) => {
      const { store, changed } = requireBatches(dependencies);
      const caller = context.get('caller');
      const body = await parseBody(context.req.raw, newBatchSchema);
      const { endpoint, input_file_id: inputFileId, metadata, output_expires_after: expiry } = body;
      if (metadata != null && Object.keys(metadata).length > MAX_METADATA)
        throw invalidRequest('metadata', `metadata has more than ${MAX_METADATA} pairs. Leave some out.`);
      if (endpoint === '/v1/completions')
        checkRawPrompts(dependencies, caller, { ...rawPrompts, instead: 'Write /v1/chat/completions as endpoint' });
      const file = await requireFiles(dependencies).require(caller.id, inputFileId);
      if (file.purpose !== 'batch') {
        throw invalidRequest(
          'input_file_id',
          `input_file_id is a file with the purpose "${file.purpose}". Upload the requests with the purpose "batch".`,
        );
      }
      const record = await store.create(caller.id, {
        ...{ endpoint, inputFileId },
        ...(metadata == null ? {} : { metadata }),
        ...(expiry == null ? {} : { outputSeconds: expiry.seconds }),
      });
      changed?.();
      return context.json(toBatchObject(record));
    }),
    listBatches: route('GET', '/v1/batches', (dependencies) => async (context) => {
      const page = parseQuery(batchQuerySchema, context.req.query());
      const found = [];
      for await (const record of requireBatches(dependencies).store.list(context.get('caller').id))
        found.push(toBatchObject(record));
      return context.json(pageOf(found, { ...page, order: 'desc' }));
    }),
    retrieveBatch: route('GET', '/v1/batches/:id', (dependencies) => async (context) => {
      const { store } = requireBatches(dependencies);
      return context.json(toBatchObject(await store.require(context.get('caller').id, context.req.param('id'))));
    }),
    cancelBatch: route('POST', '/v1/batches/:id/cancel', (dependencies) => async (context) => {
      const { store, changed } = requireBatches(dependencies);
      const record = await store.cancel(context.get('caller').id, context.req.param('id'));
      changed?.();
      return context.json(toBatchObject(record));
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

const rawPrompts = {
  what: 'a batch of /v1/completions, whose prompts may contain control tokens',
  status: 403,
} as const;

function requireBatches({ batches }: AppDependencies): Batches {
  if (batches !== undefined) return batches;
  throw new ApiError(404, 'This deployment takes no batches. Set batches and retention.filesDays in its config.', {
    code: 'batches_off',
  });
}

/** OpenAI's batch object. */
function toBatchObject(record: BatchRecord) {
  const { id, endpoint, errors, inputFileId, status, outputFileId, errorFileId, created, expires, entered } = record;
  return {
    ...{ id, object: 'batch' as const, endpoint },
    errors:
      errors === undefined
        ? null
        : {
            object: 'list' as const,
            data: errors.map(({ code, message, line, param }) => ({
              ...{ code, message, line: line ?? null, param: param ?? null },
            })),
          },
    input_file_id: inputFileId,
    completion_window: '24h' as const,
    status,
    output_file_id: outputFileId ?? null,
    error_file_id: errorFileId ?? null,
    created_at: created,
    in_progress_at: entered.in_progress ?? null,
    expires_at: expires,
    finalizing_at: entered.finalizing ?? null,
    completed_at: entered.completed ?? null,
    failed_at: entered.failed ?? null,
    expired_at: entered.expired ?? null,
    cancelling_at: entered.cancelling ?? null,
    cancelled_at: entered.cancelled ?? null,
    request_counts: record.counts,
    metadata: record.metadata ?? null,
  };
}
