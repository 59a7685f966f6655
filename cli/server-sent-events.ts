import { EventSourceParserStream } from 'eventsource-parser/stream';

/** The data of each server-sent event in a response body, including `[DONE]`. */
export async function* sentEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void, undefined> {
  for await (const { data } of body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())) {
    yield data;
  }
}
