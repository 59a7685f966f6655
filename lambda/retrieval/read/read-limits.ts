/** Limits of reading one document. They bound the time and the memory that a hostile file can take. */
export const readLimits = {
  /** Largest file, in bytes. */
  bytes: 50 * 1024 ** 2,
  /** Most bytes that a DOCX file may unpack to. */
  unpackedBytes: 200 * 1024 ** 2,
  /** Most bytes that one byte of a DOCX file may unpack to. Real documents stay below 50. */
  unpackedRatio: 200,
  /** Most characters of text of one document, about 5 million tokens: the limit of OpenAI's vector stores. */
  characters: 20_000_000,
  /** Most parts (headings, paragraphs, lists, tables, code) of one document. */
  blocks: 500_000,
  /** Most pages of a PDF. */
  pages: 5000,
  /** Longest time that reading may take, in milliseconds. */
  timeMs: 120_000,
  /** Most memory that reading may take, in bytes. */
  memoryBytes: 1024 ** 3,
} as const;

export type ReadLimits = { readonly [Name in keyof typeof readLimits]: number };
