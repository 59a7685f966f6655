import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient, ResourceInUseException } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { Level } from 'level';

export interface LocalTable {
  /** URL of the server that speaks DynamoDB's protocol. */
  readonly url: string;
  readonly name: string;
  close(): Promise<void>;
}

/**
 * Starts DynamoDB on this machine, with the table of lambda/storage/table.ts. The app accesses it through the AWS SDK, as in
 * production.
 *
 * @param folder data folder. If omitted, the data is kept in memory and lost at the end
 * @throws {Error} if another process uses the folder
 */
export async function startLocalTable(folder?: string): Promise<LocalTable> {
  if (folder !== undefined) await checkFree(folder);
  const server = dynalite({ createTableMs: 0, ...(folder === undefined ? {} : { path: folder }) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The address of a server that listens on a TCP port is an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  const name = 'budgetforce';
  const client = new DynamoDBClient({
    endpoint: url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  await client.send(createTable(name)).catch(async (error: unknown) => {
    // The table exists since an earlier start.
    if (error instanceof ResourceInUseException) return;
    await close();
    throw error;
  });
  client.destroy();
  return { url, name, close };
}

/** The command that creates a table with the keys of lambda/storage/table.ts. */
export function createTable(name: string): CreateTableCommand {
  return new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  });
}

/** Opens and closes the folder once, because the server would end the process if it cannot open it. */
async function checkFree(folder: string): Promise<void> {
  const level = new Level(folder);
  try {
    await mkdir(folder, { recursive: true });
    await level.open();
    await level.close();
  } catch (cause) {
    throw new Error(
      `The folder ${folder}, for keys and usage, cannot be opened: another process may use it. Choose another one with --data FOLDER, or --data none.`,
      { cause },
    );
  }
}
