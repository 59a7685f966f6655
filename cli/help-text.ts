/** The text that `--help` prints. */
export interface Help {
  /** Without the word `Usage:`. */
  readonly usage: string;
  readonly description: string;
  readonly sections: readonly HelpSection[];
  /** Paragraphs below the sections. */
  readonly notes: readonly string[];
}

export interface HelpSection {
  readonly title: string;
  /** A command, action or option, and what it does. */
  readonly rows: readonly (readonly [term: string, description: string])[];
}

const LINE_LENGTH = 100;

/** Formats a help text: one column of terms over all sections, descriptions wrapped beside it. */
export function helpText({ usage, description, sections, notes }: Help): string {
  const termLength = Math.max(...sections.flatMap(({ rows }) => rows.map(([term]) => term.length)));
  const indent = ' '.repeat(termLength + 4);
  const paragraphs = [
    `Usage: budgetforce ${usage}`,
    wrap(description, LINE_LENGTH).join('\n'),
    ...sections.map(({ title, rows }) => {
      const lines = rows.map(
        ([term, text]) =>
          `  ${term.padEnd(termLength)}  ${wrap(text, LINE_LENGTH - indent.length).join(`\n${indent}`)}`,
      );
      return [`${title}:`, ...lines].join('\n');
    }),
    ...notes.map((note) => wrap(note, LINE_LENGTH).join('\n')),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

/** Breaks a text into lines at spaces, and keeps its own line breaks. A longer word gets a line of its own. */
function wrap(text: string, length: number): readonly string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (longer.length > length && line !== '') {
        lines.push(line);
        line = word;
      } else line = longer;
    }
    return [...lines, line];
  });
}
