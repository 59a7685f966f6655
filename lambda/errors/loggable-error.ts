import { ModelError } from '../upstream/errors.ts';

/** An error as the log may hold it: with its place in the code, and without anything that it quotes of a request. */
export function loggableError(error: unknown): Readonly<Record<string, string | undefined>> {
  if (!(error instanceof Error)) return { cause: typeof error };
  return { cause: `${error.name}: ${messageOf(error)}`, stack: framesOf(error) };
}

/** A message without what the model's server said, and without the text that V8 quotes of what it could not parse. */
function messageOf(error: Error): string {
  if (error instanceof ModelError) return withoutQuote(error.message, error);
  return error instanceof SyntaxError ? 'text that cannot be parsed' : error.message;
}

/** The message of what a client was told, for the log. */
export function withoutQuote(message: string, cause: unknown): string {
  if (!(cause instanceof ModelError) || cause.serverMessage === undefined || cause.serverMessage === '') return message;
  return message.replaceAll(cause.serverMessage, `[${cause.serverMessage.length} characters of the server]`);
}

/** The lines of a stack that are places: those before them repeat the message. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
