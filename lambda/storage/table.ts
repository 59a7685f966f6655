import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { TableUnavailableError } from './table-unavailable-error.ts';

/** Time limit of an operation with its retries, in milliseconds. DynamoDB answers in about 10. */
const OPERATION_MS = 3_000;
/** Time limits of one attempt, in milliseconds. A lost packet costs one attempt, and two more fit into the operation. */
const ATTEMPT = { connectionTimeout: 900, requestTimeout: 900, throwOnRequestTimeout: true } as const;

/** Errors of a request that the table understood. A retry does not help, so they are not an outage. */
const MISTAKES: ReadonlySet<string> = new Set(['ValidationException', 'ItemCollectionSizeLimitExceededException']);

/**
 * The DynamoDB table of a deployment: partition key `pk` and sort key `sk`, both strings, and `ttl` as time to live.
 *
 * | pk | sk | item |
 * |---|---|---|
 * | `KEY` | SHA-256 of the key | a key and its limits |
 * | `STATE` | id of the key | usage of the key against its limits |
 * | `USAGE#day` | id of the key`#`id of the request | usage record of one request |
 * | `LOAD#model` | id of the request | load lease of a request that is running or has just ended |
 * | `SCALING#model` | `state`, `control` | scaling state, operator's settings |
 * | `BATCHES#key`, `BATCHQUEUE`, `BATCHLINES#batch` | | batches (lambda/batches/batch-store.ts) |
 * | `WEBHOOK`, `DELIVERIES`, `UNDELIVERED#key` | | webhooks (lambda/webhooks/webhook-store.ts) |
 * | `STORED#key`, `STOREDUSER#…`, `FEEDBACK#day` | | stored generations and feedback (lambda/feedback/feedback-store.ts) |
 *
 * Every operation ends within seconds, and throws a `TableUnavailableError` if the table is in trouble. What follows is each caller's
 * rule: see docs/reliability.md.
 */
export class Table {
  readonly #client: DynamoDBDocumentClient;
  readonly #name: string;

  /** The default client takes credentials, region and endpoint URL from the environment. */
  constructor(name: string, client = new DynamoDBClient({ requestHandler: ATTEMPT, maxAttempts: 3 })) {
    this.#name = name;
    this.#client = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
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
    const command = new DeleteCommand({ TableName: this.#name, Key: { pk, sk } });
    await inTime('delete', async (limit) => await this.#client.send(command, limit));
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

/** The table operations that the other rooms use. */
export type ItemTable = Pick<Table, 'get' | 'put' | 'putIfVersion' | 'delete' | 'query'>;

export type Item = Readonly<Record<string, unknown>>;
export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
