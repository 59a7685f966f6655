import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { TableUnavailableError } from './table-unavailable-error.ts';

/** Time limit of an operation with its retries, in milliseconds. DynamoDB answers in about 10. */
const OPERATION_MS = 3_000;
/** Time limits of one attempt, in milliseconds. A lost packet costs one attempt, and two more fit into the operation. */
const ATTEMPT = { connectionTimeout: 900, requestTimeout: 900, throwOnRequestTimeout: true } as const;

/** Attempts of an addition that DynamoDB throttles, and the keys and items of one batch (its limits are 100 and 25). */
const THROTTLED_ATTEMPTS = 4;
const KEYS_A_TIME = 100;
const ITEMS_A_TIME = 25;

/** Errors with which DynamoDB says that it did nothing: the table or one partition takes no more now. */
const THROTTLES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
]);

/** Errors of a request that the table understood. A retry does not help, so they are not an outage. */
const MISTAKES: ReadonlySet<string> = new Set(['ValidationException', 'ItemCollectionSizeLimitExceededException']);

/** Bytes of UTF-8 that a partition key and a sort key can have: DynamoDB's limits. */
const KEY_BYTES = { pk: 2048, sk: 1024 } as const;

/** Returns whether an item can have a key. Ids come from clients: one that is empty or too long belongs to no item. */
function canBeKey({ pk, sk }: ItemKey): boolean {
  const bytes = [Buffer.byteLength(pk), Buffer.byteLength(sk)] as const;
  return Math.min(...bytes) > 0 && bytes[0] <= KEY_BYTES.pk && bytes[1] <= KEY_BYTES.sk;
}

/**
 * The DynamoDB table of a deployment: partition key `pk` and sort key `sk`, both strings, and `ttl` as time to live.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `KEY` | SHA-256 of the key | a key and its limits |
 * | `STATE` | id of the key | usage of the key against its limits |
 * | `USAGE#day` | id of the key`#`id of the request | usage record of one request |
 * | `LOAD#model`, `LOAD#model#1` to `#13` | id of the request | load lease of a request that is running or has just ended |
 * | `CHANGES#model`, `CHANGES#model#1` to `#13` | `load` | what changed in the load since the last ticks (lambda/scaling/load-changes.ts) |
 * | `SCALING#model` | `state`, `control` | scaling state with the settled load, operator's settings |
 * | `CUTS#model` | `plan` | the thoughts to cut (lambda/scaling/cut-plan.ts) |
 * | `RESPONSE#key`, `RESPONSELOG#id` | | stored responses and their logs (lambda/background/response-store.ts) |
 * | `BATCHES#key`, `BATCHQUEUE`, `BATCHLINES#batch` | | batches (lambda/batches/batch-store.ts) |
 * | `WEBHOOK`, `DELIVERIES`, `UNDELIVERED#key` | | webhooks (lambda/webhooks/webhook-store.ts) |
 * | `STORED#key`, `STOREDUSER#…`, `FEEDBACK#day` | | stored generations and feedback (lambda/feedback/feedback-store.ts) |
 *
 * Every operation ends within seconds, and throws a `TableUnavailableError` if the table is in trouble. What follows is each caller's
 * rule: see docs/reliability.md.
 */
export class Table {
  readonly #client: DynamoDBDocumentClient;
  /** Sends each request once. */
  readonly #once: DynamoDBDocumentClient;
  readonly #name: string;

  /** The default client takes credentials, region and endpoint URL from the environment. */
  constructor(name: string, client = new DynamoDBClient({ requestHandler: ATTEMPT, maxAttempts: 3 })) {
    this.#name = name;
    this.#client = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
    this.#once = DynamoDBDocumentClient.from(client);
    this.#once.middlewareStack = client.middlewareStack.clone();
    // In the place of the client's retries, which others refer to by name.
    this.#once.middlewareStack.add((next) => async (args) => await next(args), {
      name: 'retryMiddleware',
      step: 'finalizeRequest',
      priority: 'high',
      override: true,
    });
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    if (!canBeKey({ pk, sk })) return undefined;
    const command = new GetCommand({ TableName: this.#name, Key: { pk, sk }, ConsistentRead: true });
    return (await inTime('get', async (limit) => await this.#client.send(command, limit))).Item;
  }

  async put(item: Item & ItemKey): Promise<void> {
    const command = new PutCommand({ TableName: this.#name, Item: item });
    await inTime('put', async (limit) => await this.#client.send(command, limit));
  }

  /** Conditional write on the version; `before` is `undefined` if there must be none: no item, or one that `put` wrote. Returns whether it succeeded. */
  async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    const command = new PutCommand({
      TableName: this.#name,
      Item: { ...item, version: (before ?? 0) + 1 },
      ...(before === undefined
        ? { ConditionExpression: 'attribute_not_exists(version)' }
        : { ConditionExpression: 'version = :before', ExpressionAttributeValues: { ':before': before } }),
    });
    return await inTime('put', async (limit) => {
      try {
        await this.#client.send(command, limit);
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    });
  }

  async delete(pk: string, sk: string): Promise<void> {
    if (!canBeKey({ pk, sk })) return;
    const command = new DeleteCommand({ TableName: this.#name, Key: { pk, sk } });
    await inTime('delete', async (limit) => await this.#client.send(command, limit));
  }

  /** Returns the items that exist, as of now, in any order. One request for each 100 keys. */
  async getMany(keys: readonly ItemKey[]): Promise<readonly Item[]> {
    const items: Item[] = [];
    let left = keys.map(({ pk, sk }) => ({ pk, sk }));
    while (left.length > 0) {
      const Keys = left.slice(0, KEYS_A_TIME);
      const command = new BatchGetCommand({ RequestItems: { [this.#name]: { Keys, ConsistentRead: true } } });
      const page = await inTime('get', async (limit) => await this.#client.send(command, limit));
      items.push(...(page.Responses?.[this.#name] ?? []));
      const unread = (page.UnprocessedKeys?.[this.#name]?.Keys ?? []) as typeof left;
      if (unread.length === Keys.length) throw new TableUnavailableError('get', new Error('It read no item.'));
      left = [...unread, ...left.slice(KEYS_A_TIME)];
    }
    return items;
  }

  /** Deletes items, 25 with each request. Some may be left if the table is throttled: call it again later. */
  async deleteMany(keys: readonly ItemKey[]): Promise<void> {
    for (let start = 0; start < keys.length; start += ITEMS_A_TIME) {
      const requests = keys
        .slice(start, start + ITEMS_A_TIME)
        .map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } } }));
      const command = new BatchWriteCommand({ RequestItems: { [this.#name]: requests } });
      await inTime('delete', async (limit) => await this.#client.send(command, limit));
    }
  }

  /**
   * Adds amounts to number attributes of an item, which begin at 0, and sets its time to live. Atomic. Repeated only if DynamoDB says that
   * it did nothing: an addition whose outcome is unknown could otherwise count twice.
   *
   * @returns the item after the addition
   * @throws {TableUnavailableError} also if the outcome is unknown
   */
  async add({ pk, sk }: ItemKey, amounts: Readonly<Record<string, number>>, ttl: number): Promise<Item> {
    const names = Object.keys(amounts);
    const command = new UpdateCommand({
      TableName: this.#name,
      Key: { pk, sk },
      UpdateExpression: `SET #ttl = :ttl${names.length === 0 ? '' : ` ADD ${names.map((_, at) => `#n${at} :n${at}`).join(', ')}`}`,
      ExpressionAttributeNames: { '#ttl': 'ttl', ...Object.fromEntries(names.map((name, at) => [`#n${at}`, name])) },
      ExpressionAttributeValues: {
        ':ttl': ttl,
        ...Object.fromEntries(names.map((name, at) => [`:n${at}`, amounts[name]])),
      },
      ReturnValues: 'ALL_NEW',
    });
    return await inTime('add', async (limit) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return (await this.#once.send(command, limit)).Attributes ?? {};
        } catch (error) {
          const throttled = error instanceof Error && THROTTLES.has(error.name);
          if (!throttled || attempt === THROTTLED_ATTEMPTS) throw error;
          await sleep(Math.random() * 50 * 2 ** attempt);
        }
      }
    });
  }

  /** Removes attributes of an item. */
  async drop({ pk, sk }: ItemKey, attributes: readonly string[]): Promise<void> {
    if (attributes.length === 0) return;
    const command = new UpdateCommand({
      TableName: this.#name,
      Key: { pk, sk },
      UpdateExpression: `REMOVE ${attributes.map((_, at) => `#n${at}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(attributes.map((name, at) => [`#n${at}`, name])),
    });
    await inTime('drop', async (limit) => await this.#client.send(command, limit));
  }

  /**
   * Yields all items of a partition whose sort key has this prefix, page by page.
   *
   * @param beginsWith prefix of the sort keys. @default - all
   */
  async *query(pk: string, beginsWith = '', { consistent = false, after }: QueryOptions = {}): AsyncGenerator<Item> {
    let start: QueryCommandInput['ExclusiveStartKey'] = after === undefined ? undefined : { pk, sk: after };
    do {
      const command = new QueryCommand({
        TableName: this.#name,
        KeyConditionExpression: beginsWith === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :begin)',
        ExpressionAttributeValues: { ':pk': pk, ...(beginsWith === '' ? {} : { ':begin': beginsWith }) },
        ConsistentRead: consistent,
        ExclusiveStartKey: start,
      });
      const page = await inTime('query', async (limit) => await this.#client.send(command, limit));
      yield* page.Items ?? [];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }
}

/** Runs an operation within its time limit. @throws {TableUnavailableError} */
async function inTime<Result>(
  operation: string,
  run: (limit: { readonly abortSignal: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  try {
    return await run({ abortSignal: AbortSignal.timeout(OPERATION_MS) });
  } catch (error) {
    if (error instanceof Error && MISTAKES.has(error.name)) throw error;
    throw new TableUnavailableError(operation, error);
  }
}

/** Options of a query. */
export interface QueryOptions {
  /** Whether each page has all writes that ended before it was read, at twice the cost. @default false */
  readonly consistent?: boolean;
  /** Sort key after which the items begin. If omitted, at the first one. */
  readonly after?: string;
}

/** The table operations that most rooms use. */
export type ItemTable = Pick<Table, 'get' | 'put' | 'putIfVersion' | 'delete' | 'query'>;

/** Those with which the load is counted, as well. */
export type CountingTable = ItemTable & Pick<Table, 'getMany' | 'add' | 'drop' | 'deleteMany'>;

export type Item = Readonly<Record<string, unknown>>;
export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
