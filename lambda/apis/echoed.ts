import { isJsonObject, type JsonObject, type Report } from './accept-body.ts';

/** Reads what clients send back of earlier turns: known or not, null or not. Only what the model should see again is kept. */

/** Maximum length of an id and of a name in the history. Some gateways put signatures into ids. */
const MAX_ID = 128;
const MAX_NAME = 256;

/** The texts of an earlier answer. Thinking, and parts that are not text, are dropped. */
export function echoedTexts(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => textOfPart(part) ?? []);
}

/** The text of a tool's result. What is not text is replaced by a remark, so that the model knows of it, and reported. */
export function toolResultText(content: unknown, separator: string, field: string, report: Report): string {
  if (content === null || content === undefined) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return JSON.stringify(content);
  const texts = content.map((part) => {
    const text = textOfPart(part);
    if (text !== undefined) return text;
    report(field, 'text_only');
    const type = isJsonObject(part) && typeof part.type === 'string' ? part.type.slice(0, MAX_NAME) : 'part';
    return `[${type} omitted: only text can be read]`;
  });
  return texts.join(separator);
}

/** An earlier tool call in the members of all dialects, or `undefined` if it has no name. */
export function echoedCall(name: unknown, id: unknown, given: unknown) {
  if (typeof name !== 'string' || name === '') return undefined;
  return { id: echoedId(id), name: name.slice(0, MAX_NAME), arguments: echoedArguments(given) };
}

/** Ids only connect calls and results in the client's history, so any id will do. */
export function echoedId(id: unknown): string {
  return typeof id === 'string' && id !== '' ? id.slice(0, MAX_ID) : 'call';
}

function echoedArguments(given: unknown): string {
  if (typeof given === 'string') return given === '' ? '{}' : given;
  return given === null || given === undefined ? '{}' : JSON.stringify(given);
}

function textOfPart(part: unknown): string | undefined {
  if (typeof part === 'string') return part;
  if (!isJsonObject(part)) return undefined;
  const { type, text, refusal } = part;
  if (type === 'refusal' && typeof refusal === 'string') return refusal;
  const isText = type === undefined || type === null || (typeof type === 'string' && textTypes.has(type));
  return isText && typeof text === 'string' ? text : undefined;
}

const textTypes: ReadonlySet<string> = new Set(['text', 'input_text', 'output_text']);

/** Rewrites each item of a list; anything else is left to the schema. */
export function mapItems(list: unknown, rewrite: (item: JsonObject) => unknown): unknown {
  return Array.isArray(list) ? list.map((item) => (isJsonObject(item) ? rewrite(item) : item)) : list;
}
