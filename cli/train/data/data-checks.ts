/** What is looked for in training data. */
export const dataChecks = [
  'schema',
  'length',
  'duplicate',
  'same-question',
  'near-duplicate',
  'overlap',
  'control-string',
  'secret',
] as const;
export type DataCheck = (typeof dataChecks)[number];

/** Checks whose findings can be let through: a row that cannot be read ends a training. */
export const allowableChecks = dataChecks.filter((check) => check !== 'schema');

/** Words in a row that count as overlap with an evaluation: 8, with which s1 cleaned its data (section 2.1 of the paper). */
export const OVERLAP_WORDS = 8;
