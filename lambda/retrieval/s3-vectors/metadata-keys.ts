/** Metadata keys that filters do not look at. The index is created with them, and they cannot be changed later. */
export const unfilterableKeys = ['text', 'search', 'details'] as const;

/** Metadata key that full-text search looks at. */
export const SEARCH_KEY = 'search';
