/** Returns the client's own `x-request-id` if it is plain: 1 to 128 visible ASCII characters. Any other value is ignored. */
export function clientRequestId(header: string | undefined): string | undefined {
  return header !== undefined && /^[\x21-\x7e]{1,128}$/.test(header) ? header : undefined;
}
