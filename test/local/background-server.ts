import { startLocal } from '../../local/start-local.ts';

// A server for tests that kill it. Arguments: data folder, time of a token in milliseconds.
const [dataFolder = '', tokenDelayMs = '0'] = process.argv.slice(2);
const server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder });
server.endpoint?.faults.always({ tokenDelayMs: Number(tokenDelayMs) });
process.stdout.write(`${server.url}\n`);
