import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/lib-dynamodb';

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
 */
export class Table {
  readonly #client: DynamoDBDocumentClient;
  readonly #name: string;

  /** The default client takes credentials, region and endpoint URL from the environment. */
  constructor(name: string, client = new DynamoDBClient()) {
    this.#name = name;
    this.#client = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  }

  async get(pk: string, sk: string): Promise<Item | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#name, Key: { pk, sk }, ConsistentRead: true }),
    );
    return Item;
  }

  async put(item: Item & ItemKey): Promise<void> {
    await this.#client.send(new PutCommand({ TableName: this.#name, Item: item }));
  }

  /** Conditional write on the version; `before` is `undefined` if there must be none: no item, or one that `put` wrote. Returns whether it succeeded. */
  async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#name,
          Item: { ...item, version: (before ?? 0) + 1 },
          ...(before === undefined
            ? { ConditionExpression: 'attribute_not_exists(version)' }
            : { ConditionExpression: 'version = :before', ExpressionAttributeValues: { ':before': before } }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async delete(pk: string, sk: string): Promise<void> {
    await this.#client.send(new DeleteCommand({ TableName: this.#name, Key: { pk, sk } }));
  }

  /**
   * Yields all items of a partition whose sort key has this prefix, page by page.
   *
   * @param options `consistent`: whether each page has all writes that ended before it was read, at twice the cost. @default false
   */
  async *query(
    pk: string,
    beginsWith = '',
    { consistent = false }: { readonly consistent?: boolean } = {},
  ): AsyncGenerator<Item> {
    let start: QueryCommandInput['ExclusiveStartKey'];
    do {
      const page = await this.#client.send(
        new QueryCommand({
          TableName: this.#name,
          KeyConditionExpression: beginsWith === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :begin)',
          ExpressionAttributeValues: { ':pk': pk, ...(beginsWith === '' ? {} : { ':begin': beginsWith }) },
          ConsistentRead: consistent,
          ExclusiveStartKey: start,
        }),
      );
      yield* page.Items ?? [];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }
}

/** The table operations that the other rooms use. */
export type ItemTable = Pick<Table, 'get' | 'put' | 'putIfVersion' | 'delete' | 'query'>;

export type Item = Readonly<Record<string, unknown>>;
export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
