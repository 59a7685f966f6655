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
  {
    file: 'lambda/forcing/budget-forcing.ts',
    code: "if (ended === undefined || lookUp === undefined) throw new Error('No passages were asked for: call next() first.');",
    mutated: "if (ended === undefined || false) throw new Error('No passages were asked for: call next() first.');",
    reason: 'Only a plan that looks documents up has an end that waits for passages.',
  },
  {
    file: 'lambda/forcing/budget-forcing.ts',
    code: 'const endText = this.#sampledEnd === undefined ? undefined : this.#plan.format.endTexts.get(this.#sampledEnd);',
    mutated: 'const endText = false ? undefined : this.#plan.format.endTexts.get(this.#sampledEnd);',
    reason: 'No end token has the id undefined, so its text is undefined as well.',
  },
  {
    file: 'lambda/forcing/budget-forcing.ts',
    code: 'if (this.#waits > 0 || (waitBelow !== undefined && soFar < waitBelow)) return false;',
    mutated: 'if (this.#waits > 0 || (true && soFar < waitBelow)) return false;',
    reason: 'No number is less than undefined.',
  },
  {
    file: 'lambda/forcing/running-probe.ts',
    code: "const text = (this.#text + (this.#decoder?.end() ?? '')).trimStart().split('\\n')[0]?.trimEnd() ?? '';",
    mutated:
      "const text = (this.#text + (this.#decoder?.end() ?? '')).trimStart().split('\\n')[0]?.trimEnd() ?? \"Stryker was here!\";",
    reason: 'A text that is split has a first line.',
  },
  {
    file: 'lambda/forcing/vote-rule.ts',
    code: 'for (let votes = 1; votes < remaining; votes++) {',
    mutated: 'for (let votes = 1; votes <= remaining; votes++) {',
    reason: 'All votes that remain decide, and the number of them is returned after the loop as well.',
  },
];
