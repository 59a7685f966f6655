import type * as z from 'zod';

/** Converts a zod issue to the name of the field and a sentence: what is allowed, and what was received. */
export function describeIssue(
  issue: z.core.$ZodIssue,
  input: unknown,
): { readonly field: string; readonly message: string } {
  const field = pathOf(issue.path);
  const received = describe(valueAt(input, issue.path));
  switch (issue.code) {
    case 'unrecognized_keys': {
      const keys = issue.keys.map((key) => (field === '' ? key : `${field}.${key}`));
      return {
        field: keys[0] ?? field,
        message: `${keys.join(', ')} ${keys.length > 1 ? 'are' : 'is'} not supported here. Leave ${keys.length > 1 ? 'them' : 'it'} out.`,
      };
    }
    case 'invalid_value':
      return {
        field,
        message: `${field} must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}; received ${received}.`,
      };
    case 'too_small':
      return {
        field,
        message: `${field} must ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}; received ${received}.`,
      };
    case 'too_big':
      return {
        field,
        message: `${field} must ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}; received ${received}.`,
      };
    case 'invalid_type':
      return {
        field,
        message:
          received === 'nothing'
            ? `${field} is missing: give ${article(issue.expected)}.`
            : `${field} must be ${article(issue.expected)}; received ${received}.`,
      };
    case 'invalid_union': {
      const values = discriminatorsOf(issue);
      if (values.length > 0) {
        const known = values.map((value) => JSON.stringify(value)).join(', ');
        return { field, message: `${field} must be one of ${known}; received ${received}.` };
      }
      // The alternative that matched furthest is the one that the client meant.
      const closest = issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0];
      if (closest !== undefined && closest.path.length > 0) {
        return describeIssue({ ...closest, path: [...issue.path, ...closest.path] }, input);
      }
      // An alternative of the right kind, whose limit the value exceeds.
      const limit = issue.errors.flat().find(({ code }) => code === 'too_big' || code === 'too_small');
      if (limit !== undefined) return describeIssue({ ...limit, path: issue.path }, input);
      // An object of the right kind, with a field too many.
      const extra = issue.errors.flat().find(({ code }) => code === 'unrecognized_keys');
      if (extra !== undefined) return describeIssue({ ...extra, path: [...issue.path] }, input);
      const kinds = issue.errors.flatMap((branch) =>
        branch.flatMap((inner) => ('expected' in inner ? [article(String(inner.expected))] : [])),
      );
      return {
        field,
        message:
          kinds.length > 0
            ? `${field} must be ${[...new Set(kinds)].join(' or ')}; received ${received}.`
            : `${field} is not valid; received ${received}.`,
      };
    }
    default:
      return { field, message: field === '' ? issue.message : `${field}: ${issue.message}` };
  }
}

/** The values of the member that tells alternatives apart, if none of them was given. */
function discriminatorsOf(issue: z.core.$ZodIssueInvalidUnion): readonly unknown[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
}

function bound(origin: string, how: string, limit: unknown): string {
  const plural = limit === 1 ? '' : 's';
  if (origin === 'array') return `have ${how} ${limit} item${plural}`;
  if (origin === 'string') return `have ${how} ${limit} character${plural}`;
  return `be ${how} ${limit}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    input,
  );
}

/** A value in a few characters. A long text is not quoted: it may be a prompt. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string')
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  return String(value);
}

function article(kind: string): string {
  const words: Readonly<Record<string, string>> = { int: 'a whole number', array: 'a list', record: 'an object' };
  const word = words[kind] ?? kind;
  return /^an? /.test(word) ? word : `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`;
}
