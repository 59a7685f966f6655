import type { AppDependencies } from '../../../lambda/context.ts';
import { FeedbackStore } from '../../../lambda/feedback/feedback-store.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryObjects } from '../../../lambda/storage/memory-objects.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { ObjectStore } from '../../../lambda/storage/objects.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { type ScriptedSegment, scriptedApp } from '../scripted-world.ts';

export const NOW = 1_700_000_000;
export const TODAY = '2023-11-14';

export const thinks: ScriptedSegment = { says: '\n1 + 1 = 2.', ends: IM_START };
export const answers: ScriptedSegment = { says: '\nTwo.', ends: IM_END };

interface WorldOptions {
  readonly script?: readonly ScriptedSegment[];
  /** `retention.feedbackDays`. @default 30 */
  readonly days?: number;
  readonly table?: ItemTable;
  readonly objects?: ObjectStore;
  readonly changes?: Partial<AppDependencies>;
}

/** An app that stores feedback, with the admin key `admin`, a key `consents` whose content may be stored, and others. */
export async function feedbackWorld({
  script = Array.from({ length: 20 }, () => [thinks, answers]).flat(),
  days = 30,
  table = new MemoryTable(),
  objects = new MemoryObjects(),
  changes = {},
}: WorldOptions = {}) {
  const clock = { now: NOW };
  const keys = new KeyStore(table, () => clock.now);
  const store = new FeedbackStore(table, objects, () => clock.now, days);
  const { app, model, log } = scriptedApp(script, {
    keyHashes: async () => [hashKey('admin')],
    keys,
    unixTime: () => clock.now,
    newId: () => crypto.randomUUID().replaceAll('-', ''),
    ...(days === 0 ? {} : { feedback: store }),
    ...changes,
  });
  const consents = await keys.create('consents', { store: true, rawPrompts: true });
  const other = await keys.create('other', { store: true });
  const refuses = await keys.create('refuses', { rawPrompts: true });
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    key = consents.key,
    headers: Readonly<Record<string, string>> = {},
  ) =>
    await app.request(path, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return { app, model, log, clock, keys, store, table, objects, consents, other, refuses, send };
}
export type FeedbackWorld = Awaited<ReturnType<typeof feedbackWorld>>;

const messages = [{ role: 'user', content: 'How many?' }];

/** The body of a request by the path that answers it. */
export const bodies = {
  '/v1/chat/completions': { model: 'scripted', messages, user: 'ann' },
  '/v1/responses': { model: 'scripted', input: 'How many?', user: 'ann' },
  '/v1/messages': { model: 'scripted', messages, max_tokens: 100, metadata: { user_id: 'ann' } },
} as const;
export type AnswerPath = keyof typeof bodies;

/** The id in a response, streamed or not. */
export async function idOf(response: Response): Promise<string> {
  const text = await response.text();
  const id = /"id":"((?:chatcmpl-|resp_|msg_)\w+)"/.exec(text)?.[1];
  if (id === undefined) throw new Error(`The response has no id: ${response.status} ${text}`);
  return id;
}

/** Asks a question and returns the id of its answer. */
export async function ask(
  world: FeedbackWorld,
  fields: object = {},
  key?: string,
  path: AnswerPath = '/v1/chat/completions',
) {
  return await idOf(await world.send('POST', path, { ...bodies[path], ...fields }, key));
}
