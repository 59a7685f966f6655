import type { DialectEvent } from './background-dialect.ts';

/** Joins the deltas of consecutive events that differ in nothing else, so that a record has one for each run of text. */
export function mergeDeltas(events: readonly DialectEvent[]): readonly DialectEvent[] {
  const merged: DialectEvent[] = [];
  let parts: string[] = [];
  let last: { readonly event: DialectEvent; readonly rest: string } | undefined;
  const close = () => {
    if (last !== undefined) merged.push({ ...last.event, delta: parts.join('') });
    last = undefined;
  };
  for (const event of events) {
    const { delta, ...others } = event;
    if (typeof delta !== 'string') {
      close();
      merged.push(event);
      continue;
    }
    const rest = JSON.stringify(others);
    if (last?.rest !== rest) {
      close();
      parts = [];
      last = { event, rest };
    }
    parts.push(delta);
  }
  close();
  return merged;
}
