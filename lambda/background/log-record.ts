import * as z from 'zod';
import type { JournalEntry } from '../generation/journal.ts';
import type { UsedTokens } from '../keys/ledger.ts';
import { failureSchema } from './stored-response.ts';

/** An event of a response's stream, with its sequence number. */
export interface SequencedEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

const count = z.int().min(0);
const eventSchema: z.ZodType<SequencedEvent> = z.looseObject({ type: z.string(), sequence_number: count });
export const sequencedEventsSchema = z.array(eventSchema);

/** The journal is written and read by the same code, and its replay fails if it is not what the machine was told. */
const entrySchema = z.custom<JournalEntry>((entry) => typeof entry === 'number' || typeof entry === 'object');

/** A step of work takes the response over: what an earlier step appends after it is refused. */
const claimSchema = z.object({ kind: z.literal('claim'), writer: z.string() });

const events = {
  /** Events for the client. If omitted, they are in the object that `eventsObject` names. */
  events: z.array(eventSchema).readonly().optional(),
  eventsObject: z.string().optional(),
  /** Sequence number after that of the last event so far. */
  next: count,
};

/** What became certain since the record before. */
const progressSchema = z.object({
  kind: z.literal('progress'),
  writer: z.string(),
  entries: z.array(entrySchema).readonly(),
  ...events,
  /** Number of events of the generation from which all events so far were made. */
  taken: count,
  /** Thinking and answer tokens so far. */
  tokens: z.object({ thinking: count, answer: count }),
});

/** The end. No record follows it. */
const endSchema = z.object({
  kind: z.literal('end'),
  writer: z.string(),
  status: z.enum(['completed', 'incomplete', 'failed', 'cancelled']),
  /** Name of the object with the body. */
  result: z.string(),
  /** What the usage is settled with. If omitted, nothing had begun, or the tokens of the last record are those of an aborted generation. */
  used: z.custom<UsedTokens>((value) => typeof value === 'object' && value !== null).optional(),
  failure: failureSchema.optional(),
  ...events,
});

export const logRecordSchema = z.discriminatedUnion('kind', [claimSchema, progressSchema, endSchema]);
export type LogRecord = z.infer<typeof logRecordSchema>;
export type ProgressRecord = z.infer<typeof progressSchema>;
export type EndRecord = z.infer<typeof endSchema>;

/** A record with its place in the log, from 0. */
export interface PlacedRecord {
  readonly at: number;
  readonly record: LogRecord;
}
