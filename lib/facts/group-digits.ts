/** Formats a number for a sentence: 32768 becomes "32,768". */
export function groupDigits(value: number): string {
  return value.toLocaleString('en-US');
}
