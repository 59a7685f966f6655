/** Values by which a search can be filtered, as OpenAI's `attributes`: at most 16, keys of at most 64 characters, strings of at most 512. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A part of a document, cut by structure, that is searched and read as one. */
export interface Passage {
  /** Stable over ingestions of the same text: `fileId` and the place and text of the passage decide it. */
  readonly id: string;
  readonly fileId: string;
  readonly filename: string;
  /** Headings above the passage, outermost first. */
  readonly titlePath: readonly string[];
  /** The text as it stands in the document. */
  readonly text: string;
  readonly attributes: Attributes;
}

/** A passage that a search found. */
export interface FoundPassage extends Passage {
  readonly storeId: string;
  /** 0 to 1. */
  readonly score: number;
}
