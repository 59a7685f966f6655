import type { InputLine } from './read-input.ts';

/** Why a line has no response. */
export type LineError = 'batch_expired' | 'batch_cancelled';

const messages: Readonly<Record<LineError, string>> = {
  batch_expired: 'This request could not be executed before the completion window expired.',
  batch_cancelled: 'This request was not executed, because the batch was cancelled.',
};

/** A line of the output or error file, as OpenAI's, without its line break. */
export function responseLine(
  id: string,
  { customId }: Pick<InputLine, 'customId'>,
  { status, requestId, body }: { readonly status: number; readonly requestId: string; readonly body: string },
): string {
  const head = JSON.stringify({ id, custom_id: customId });
  const response = `{"status_code":${status},"request_id":${JSON.stringify(requestId)},"body":${oneLine(body)}}`;
  return `${head.slice(0, -1)},"response":${response},"error":null}`;
}

/** A line of the error file for a request that was not executed. */
export function errorLine(id: string, { customId }: Pick<InputLine, 'customId'>, code: LineError): string {
  return JSON.stringify({ id, custom_id: customId, response: null, error: { code, message: messages[code] } });
}

/** Id of a line's result: the same at each attempt. */
export function lineId(batchId: string, index: number): string {
  return `batch_req_${batchId.replace(/^batch_/, '')}_${index}`;
}

/** JSON text in one line. JSON has line breaks only between its tokens: in strings, they are escaped. */
function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]+/g, ' ').trim();
}
