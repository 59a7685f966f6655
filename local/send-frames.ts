import type { ServerResponse } from 'node:http';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { FrameStream } from '../lambda/http/frame-stream.ts';

/**
 * Writes a stream of events to the connection, without its web stream.
 *
 * @param failed called with an error that broke the stream off
 * @returns the response for the server: the given one, or one that says that it is sent
 */
export function sendFrames(response: Response, outgoing: ServerResponse, failed: (error: unknown) => void): Response {
  const frames = FrameStream.of(response);
  if (frames === undefined) return response;
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  frames.writeTo(outgoing).catch(failed);
  return RESPONSE_ALREADY_SENT;
}
