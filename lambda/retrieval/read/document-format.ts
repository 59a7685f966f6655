/** Formats by the extension of a file. */
const formats = {
  md: 'markdown',
  markdown: 'markdown',
  txt: 'text',
  text: 'text',
  html: 'html',
  htm: 'html',
  xhtml: 'html',
  pdf: 'pdf',
  docx: 'docx',
} as const;

export type DocumentFormat = (typeof formats)[keyof typeof formats];

/** Extensions of files that can be read, without a dot. */
export const documentExtensions: readonly string[] = Object.keys(formats);

/** Returns the format of a file by its extension, or `undefined` if it is none that can be read. */
export function documentFormat(filename: string): DocumentFormat | undefined {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  return new Map<string, DocumentFormat>(Object.entries(formats)).get(extension);
}
