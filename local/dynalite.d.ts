declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A server of DynamoDB's protocol. `path`: the folder that it keeps its data in; absent: in memory. */
  export default function dynalite(options?: { readonly path?: string; readonly createTableMs?: number }): Server;
}
