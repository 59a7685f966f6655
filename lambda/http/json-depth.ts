/** Whether lists and objects in a parsed JSON value are nested deeper than `max`. Not recursive: a text of megabytes may be one nest. */
export function isDeeperThan(value: unknown, max: number): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const inner: unknown[] = [];
    for (const outer of level) {
      if (typeof outer !== 'object' || outer === null) continue;
      if (depth >= max) return true;
      for (const member of Array.isArray(outer) ? outer : Object.values(outer)) {
        if (typeof member === 'object' && member !== null) inner.push(member);
      }
    }
    level = inner;
  }
  return false;
}
