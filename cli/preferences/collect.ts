import * as z from 'zod';
import { feedbackMetrics } from '../../lambda/feedback/feedback.ts';
import { contentSchema } from '../../lambda/feedback/stored-generation.ts';
import { type ApiClientOptions, callApi } from '../api-client.ts';

const storedSchema = contentSchema.extend({ key: z.string() });
/** A stored conversation, as `GET /v1/admin/stored` lists it. */
export type Stored = z.infer<typeof storedSchema>;

const feedbackSchema = z.object({
  id: z.string(),
  metric: z.enum(feedbackMetrics),
  value: z
    .union([z.boolean(), z.number(), z.object({ over: z.string() }), z.object({ answer: z.string() })])
    .nullable(),
});
/** Feedback, as `GET /v1/admin/feedback` lists it. */
export type GivenFeedback = z.infer<typeof feedbackSchema>;

const page = <Row extends z.ZodType>(row: Row) => z.object({ data: z.array(row), next: z.string().nullable() });

/** All that a deployment has stored of some days. */
export interface Collected {
  readonly stored: readonly Stored[];
  readonly feedback: readonly GivenFeedback[];
}

/** Days of one request: the API takes no longer ranges. */
export interface DayRange {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * Reads the stored conversations of some days, and the feedback on them.
 *
 * @param onProgress called after each page with the number of conversations so far
 * @throws {Error} with the API's own message, for instance if the key is no admin key.
 */
export async function collect(
  api: ApiClientOptions,
  range: DayRange,
  onProgress: (conversations: number) => void,
): Promise<Collected> {
  const stored: Stored[] = [];
  for await (const row of pages(api, '/admin/stored', storedSchema, range, '20')) {
    stored.push(row);
    if (stored.length % 20 === 0) onProgress(stored.length);
  }
  const feedback: GivenFeedback[] = [];
  for await (const row of pages(api, '/admin/feedback', feedbackSchema, range, '100')) feedback.push(row);
  return { stored, feedback };
}

async function* pages<Row extends z.ZodType>(
  api: ApiClientOptions,
  path: string,
  row: Row,
  { from, to }: DayRange,
  limit: string,
): AsyncGenerator<z.infer<Row>> {
  let after: string | null = null;
  do {
    const query = new URLSearchParams({
      limit,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(after === null ? {} : { after }),
    });
    const { data, next } = page(row).parse(await callApi(api, 'GET', `${path}?${query}`));
    yield* data;
    after = next;
  } while (after !== null);
}
