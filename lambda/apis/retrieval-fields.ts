import * as z from 'zod';
import type { RetrievalOptions } from '../generation/retrieval.ts';
import type { Filter } from '../retrieval/passage-index.ts';
import { MAX_TOKENS } from './sampling-fields.ts';

/** Maximum number of stores of one request, and of characters of a query. */
const MAX_STORES = 8;
const MAX_QUERY = 4_096;
/** Maximum of comparisons in a filter, and of combinations inside each other. */
const MAX_FILTERS = 16;

/** Maximum number of passages: OpenAI's and that of a search. */
const maxResults = z.int().min(1).max(50);
const share = z.number().min(0).max(1);
const key = z.string().min(1).max(64);
const storeId = z.string().min(1).max(128);

const comparisons = [
  z.strictObject({
    type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']),
    key,
    value: z.union([z.string().max(512), z.number(), z.boolean()]),
  }),
  z.strictObject({
    type: z.enum(['in', 'nin']),
    key,
    value: z
      .array(z.union([z.string().max(512), z.number()]))
      .min(1)
      .max(100),
  }),
] as const;
/** Comparisons, and combinations of what is below. By its type, so that an error is of the kind that is meant. */
const orCombined = (inner: z.ZodType<Filter>): z.ZodType<Filter> =>
  z.discriminatedUnion('type', [
    ...comparisons,
    z.strictObject({ type: z.enum(['and', 'or']), filters: z.array(inner).min(1).max(MAX_FILTERS) }),
  ]);

/** A filter as OpenAI's, with combinations up to three levels deep. */
export const filterSchema: z.ZodType<Filter> = orCombined(
  orCombined(orCombined(z.discriminatedUnion('type', comparisons))),
).describe('OpenAI’s filter: a comparison of an attribute, or comparisons combined by `and` or `or`.');

/** How the results of a search are ranked, as OpenAI's `ranking_options`. */
const rankingOptions = z.strictObject({
  ranker: z.string().max(64).nullish().describe('`none`, `auto` or a name of OpenAI’s. Nothing depends on it.'),
  score_threshold: share.nullish(),
  hybrid_search: z
    .strictObject({ embedding_weight: z.number().min(0), text_weight: z.number().min(0) })
    .nullish()
    .describe('Shares of embedding and text in the score, if the store has both.'),
});
type RankingOptions = z.infer<typeof rankingOptions>;

/** The documents that a request may read, in all dialects. */
const retrieval = z
  .strictObject({
    stores: z.array(storeId).min(1).max(MAX_STORES).describe('Ids of vector stores of this key.'),
    max_tokens: z
      .int()
      .min(1)
      .max(MAX_TOKENS)
      .optional()
      .describe(
        'Maximum of all passages together with what marks them, exact, in tokens of the model. If omitted, a quarter of the context window, at most 4,000.',
      ),
    max_results: maxResults.optional().describe('Maximum number of passages. If omitted, 8.'),
    score_threshold: share.optional().describe('Minimum score of a passage. If omitted, 0.'),
    query: z
      .string()
      .min(1)
      .max(MAX_QUERY)
      .optional()
      .describe('Text to look up. If omitted, the last message of the user.'),
    when: z
      .enum(['before', 'unsure'])
      .optional()
      .describe(
        '`before`: the passages stand before the last message of the user. `unsure`: they are appended to the thought, if the model is unsure of it. If omitted, `before`.',
      ),
    filters: filterSchema.optional(),
    ranking_options: rankingOptions.optional(),
  })
  .describe('Documents that are looked up for this request.');

/** The native field for retrieval. */
export const retrievalFields = { retrieval: retrieval.optional() } as const;
export type RetrievalField = z.infer<typeof retrieval>;

/** OpenAI's tool of Responses that looks up documents. */
export const fileSearchTool = z
  .strictObject({
    type: z.literal('file_search'),
    vector_store_ids: z.array(storeId).min(1).max(MAX_STORES),
    max_num_results: maxResults.nullish(),
    filters: filterSchema.nullish(),
    ranking_options: rankingOptions.nullish(),
  })
  .describe('Looks up documents before the thinking. `retrieval` beside it sets its budget, query and time.');

/** Defaults: the results of a search, and the tokens of a block and its share of the context window. */
const DEFAULT_RESULTS = 8;
const DEFAULT_TOKENS = 4_000;
const DEFAULT_SHARE = 0.25;

/** Converts the field to what the generation knows. `undefined` if it is omitted. */
export function retrievalOf(
  field: RetrievalField | undefined,
  contextTokens: number,
): { readonly retrieval?: RetrievalOptions } {
  if (field === undefined) return {};
  const { stores, max_tokens: maxTokens, max_results: maxResults = DEFAULT_RESULTS, query, when = 'before' } = field;
  const { filters: filter, ranking_options: ranking } = field;
  const hybrid = hybridOf(ranking);
  return {
    retrieval: {
      stores: [...new Set(stores)],
      maxTokens: maxTokens ?? Math.min(DEFAULT_TOKENS, Math.floor(contextTokens * DEFAULT_SHARE)),
      maxResults,
      scoreThreshold: field.score_threshold ?? ranking?.score_threshold ?? 0,
      when,
      ...(query === undefined ? {} : { query }),
      ...(filter === undefined ? {} : { filter }),
      ...(hybrid === undefined ? {} : { hybrid }),
    },
  };
}

function hybridOf(ranking: RankingOptions | undefined): RetrievalOptions['hybrid'] {
  if (ranking?.hybrid_search == null) return undefined;
  const { embedding_weight: embeddingWeight, text_weight: textWeight } = ranking.hybrid_search;
  return { embeddingWeight, textWeight };
}
