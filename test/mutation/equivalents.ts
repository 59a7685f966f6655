/** A mutant that no test can notice, because the program does the same. */
export interface Equivalent {
  readonly file: string;
  /** The first line of the changed code, without indentation, so that it is found again if lines move. */
  readonly code: string;
  /** The same line with the change. */
  readonly mutated: string;
  /** Why nothing that a user could see differs. */
  readonly reason: string;
}

/** Reviewed: each entry was looked at by a person. `npm run check:mutation` fails for an entry that no mutant matches any more. */
export const equivalents: readonly Equivalent[] = [
  {
    file: 'lambda/policy/admission.ts',
    code: 'if (pressure <= fullAt) return 0;',
    mutated: 'if (pressure < fullAt) return 0;',
    reason: 'At a pressure of exactly fullAt the excess is 0, so the wait is 0, too.',
  },
  {
    file: 'lambda/keys/failed-logins.ts',
    code: "const [head = '', tail] = source.toLowerCase().split('::');",
    mutated: "const [head = '', tail] = source.toUpperCase().split('::');",
    reason: 'The group is only compared with others that were made in the same way.',
  },
  {
    file: 'lambda/keys/failed-logins.ts',
    code: 'if (first !== undefined) remembered.delete(first);',
    mutated: 'if (true) remembered.delete(first);',
    reason: 'There are more than 10,000 entries, so there is a first one.',
  },
];
