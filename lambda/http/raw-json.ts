import { randomUUID } from 'node:crypto';

/** JSON text that is written into a response as it is: a number keeps its digits, an object the order of its keys. */
export class RawJson {
  readonly text: string;

  /** `text` must be valid JSON. */
  constructor(text: string) {
    this.text = text;
  }
}

/** Writes a value as JSON, with the text of each `RawJson` in it unchanged. */
export function toJsonText(value: unknown): string {
  const raw: string[] = [];
  const mark = `raw-${randomUUID()}-`;
  const text = JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof RawJson ? `${mark}${raw.push(inner.text) - 1}` : inner,
  );
  if (raw.length === 0) return text;
  return text.replaceAll(new RegExp(`"${mark}(\\d+)"`, 'g'), (_, index) => raw[Number(index)] ?? 'null');
}
