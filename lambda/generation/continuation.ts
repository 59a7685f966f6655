import * as z from 'zod';
import type { Shrink } from '../forcing/settle-limits.ts';
import { type UsedTokens, works } from '../keys/ledger.ts';
import type { Journal } from './journal.ts';
import type { RetrievalAccount } from './retrieval.ts';

/** How a generation is run in segments of work, each of which may be in another process. */
export interface Continuation {
  /** What the first segment settled. `undefined` in the first. */
  readonly begun: BegunGeneration | undefined;
  /** Keeps what the first segment settled. Resolves before the first call of the model. */
  readonly begin: (begun: BegunGeneration) => Promise<void>;
  readonly journal: Journal;
  /** Receives the usage so far when a segment ends. The reservation is not settled: what ends the generation does it. */
  readonly onUsage: (used: UsedTokens) => void;
}

const count = z.int().min(0);
const ids = z.array(z.int()).readonly();
const waitText = z.object({ ids, text: z.string() });

/** What a generation settled before its first call: its prompt in ids, the limits in force, and its reservation. */
export const begunSchema = z.object({
  /** What the ids mean. A model that changed meanwhile cannot go on. */
  fingerprint: z.string(),
  promptIds: ids,
  prefix: z.object({ part: z.enum(['thinking', 'answer']), ids, text: z.string() }).optional(),
  wait: waitText,
  laterWaits: z.array(waitText).readonly(),
  limits: z.object({ minTokens: count, maxTokens: count, waits: count, maxAnswerTokens: count }),
  shrunk: z.custom<readonly Shrink[]>(Array.isArray),
  passageTokens: count,
  retrieval: z.custom<RetrievalAccount>((value) => typeof value === 'object' && value !== null).optional(),
  promptTokens: count,
  /** Searches before the thinking. */
  searches: count,
  /** If omitted, usage is not recorded. */
  ticket: z
    .object({
      requestId: z.string(),
      model: z.string(),
      tokens: count,
      work: z.enum(works).optional(),
      at: z.int(),
      until: z.int(),
    })
    .optional(),
});
export type BegunGeneration = z.infer<typeof begunSchema>;
