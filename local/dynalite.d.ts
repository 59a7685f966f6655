declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A server that speaks DynamoDB's protocol. `path` is its data folder; if omitted, the data is kept in memory. */
  export default function dynalite(options?: { readonly path?: string; readonly createTableMs?: number }): Server;
}
