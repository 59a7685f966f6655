/** Writes a table as GitHub Flavored Markdown. Its first row is the header. */
export function writeTable(rows: readonly (readonly string[])[]): string {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const [header = [], ...rest] = rows.map((row) => {
    const cells = Array.from({ length: columns }, (_, index) => cellText(row[index] ?? ''));
    return `| ${cells.join(' | ')} |`;
  });
  return [header, `|${' --- |'.repeat(columns)}`, ...rest].join('\n');
}

function cellText(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|').trim();
}
