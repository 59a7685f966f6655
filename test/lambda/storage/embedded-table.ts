import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Table } from '../../../lambda/storage/table.ts';
import { startLocalTable } from '../../../local/local-table.ts';

/** A table on an embedded DynamoDB, in memory. */
export async function embeddedTable(): Promise<{ readonly table: Table; readonly close: () => Promise<void> }> {
  const { url, name, close } = await startLocalTable();
  const client = new DynamoDBClient({
    endpoint: url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  return {
    table: new Table(name, client),
    async close() {
      client.destroy();
      await close();
    },
  };
}
