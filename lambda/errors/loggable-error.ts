import { ModelError } from '../upstream/errors.ts';

/** Converts an error to fields of the log: with its stack, and without anything that it quotes from a request. */
export function loggableError(error: unknown): Readonly<Record<string, string | undefined>> {
  if (!(error instanceof Error)) return { cause: typeof error };
  return { cause: `${error.name}: ${messageOf(error)}`, stack: framesOf(error) };
}

/** The message without the text of the model server, and without the input that V8 quotes in a syntax error. */
function messageOf(error: Error): string {
  if (error instanceof ModelError) return withoutQuote(error.message, error);
  return error instanceof SyntaxError ? 'text that cannot be parsed' : error.message;
}

/** The message for the log: the client's message, without the text of the model server. */
export function withoutQuote(message: string, cause: unknown): string {
  if (!(cause instanceof ModelError) || cause.serverMessage === undefined || cause.serverMessage === '') return message;
  return message.replaceAll(cause.serverMessage, `[${cause.serverMessage.length} characters of the server]`);
}

/** The frames of the stack. The lines before them repeat the message. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
