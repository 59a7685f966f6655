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
 * One table for keys, their limits and their usage: partition key `pk`, sort key `sk`, both strings, and `ttl` as its time to live.
 *
 * | pk | sk | what |
 * |---|---|---|
 * | `KEY` | SHA-256 of the key | a key and its limits |
 * | `STATE` | id of the key | what it has used of its limits |
 * | `USAGE#day` | id of the key`#`id of the request | one request |
 * | `LOAD#model` | id of the request | a request under way, or just ended |
 * | `SCALING#model` | `state`, `control` | what the scaling knows, what its operator set |
 */
export class Table {
  readonly #client: DynamoDBDocumentClient;
  readonly #name: string;

  /** Credentials, region and endpoint URL come from the environment, as with every AWS SDK client. */
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

  /** Writes where the stored `version` is still `before` (`undefined`: where there is no item). Whether it did. */
  async putIfVersion(item: Item & ItemKey, before: number | undefined): Promise<boolean> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#name,
          Item: { ...item, version: (before ?? 0) + 1 },
          ...(before === undefined
            ? { ConditionExpression: 'attribute_not_exists(pk)' }
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

  /** All items of a partition whose sort key begins so, page by page. */
  async *query(pk: string, beginsWith = ''): AsyncGenerator<Item> {
    let start: QueryCommandInput['ExclusiveStartKey'];
    do {
      const page = await this.#client.send(
        new QueryCommand({
          TableName: this.#name,
          KeyConditionExpression: beginsWith === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :begin)',
          ExpressionAttributeValues: { ':pk': pk, ...(beginsWith === '' ? {} : { ':begin': beginsWith }) },
          ExclusiveStartKey: start,
        }),
      );
      yield* page.Items ?? [];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }
}

/** What the parts that keep something need of a table. */
export type ItemTable = Pick<Table, 'get' | 'put' | 'putIfVersion' | 'delete' | 'query'>;

export type Item = Readonly<Record<string, unknown>>;
export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}
