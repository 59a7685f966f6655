import { randomUUID } from 'node:crypto';
import { DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { Table } from '../../../lambda/storage/table.ts';
import { createTable, startLocalTable } from '../../../local/local-table.ts';

/** Variable with the URL of another server that speaks DynamoDB's protocol: `npm run check:ministack` sets it. */
const OTHER_SERVER = 'BUDGETFORCE_TEST_DYNAMODB';

/** An empty table on an embedded DynamoDB, in memory, or on another server. */
export async function embeddedTable(): Promise<{ readonly table: Table; readonly close: () => Promise<void> }> {
  const other = process.env[OTHER_SERVER];
  if (other !== undefined) return tableOn(other);
  const { url, name, close } = await startLocalTable();
  const client = clientOf(url);
  return {
    table: new Table(name, client),
    async close() {
      client.destroy();
      await close();
    },
  };
}

function clientOf(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new DynamoDBClient({ endpoint, region: 'us-east-2', credentials });
}

async function tableOn(url: string) {
  const client = clientOf(url);
  const name = `test-${randomUUID()}`;
  await client.send(createTable(name));
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1 }, { TableName: name });
  return {
    table: new Table(name, client),
    async close() {
      client.destroy();
    },
  };
}
