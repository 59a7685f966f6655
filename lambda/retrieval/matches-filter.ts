import type { Attributes } from './passage.ts';
import type { Filter } from './passage-index.ts';

/** Whether attributes satisfy a filter. A comparison with an attribute that is missing, or of another type, is false, but for `ne` and `nin`. */
export function matchesFilter(filter: Filter, attributes: Attributes): boolean {
  switch (filter.type) {
    case 'and':
      return filter.filters.every((part) => matchesFilter(part, attributes));
    case 'or':
      return filter.filters.some((part) => matchesFilter(part, attributes));
    case 'in':
      return filter.value.some((value) => value === attributes[filter.key]);
    case 'nin':
      return !filter.value.some((value) => value === attributes[filter.key]);
    case 'eq':
      return attributes[filter.key] === filter.value;
    case 'ne':
      return attributes[filter.key] !== filter.value;
    default: {
      const given = attributes[filter.key];
      if (given === undefined || typeof given !== typeof filter.value) return false;
      if (filter.type === 'gt') return given > filter.value;
      if (filter.type === 'gte') return given >= filter.value;
      return filter.type === 'lt' ? given < filter.value : given <= filter.value;
    }
  }
}
