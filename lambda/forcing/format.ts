/** The model families whose thinking delimiters are known (lambda/formats). */
export const formatNames = ['s1', 'r1', 'qwq', 'qwen3', 'gpt-oss'] as const;
export type FormatName = (typeof formatNames)[number];

/** A piece of a prompt: one control token, or ordinary text (never parsed for control tokens). */
export type PromptPart =
  | {
      readonly control: string;
      /** A vocabulary that has no such token gets it as text; otherwise that is an error. */
      readonly orText?: true;
    }
  | { readonly text: string };

/** A turn of the conversation, as the forcing core needs it. Thoughts of earlier turns are not part of it. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  /** What a client wrote is `text` always, so it never becomes a control token. */
  readonly content: readonly PromptPart[];
}

/**
 * How a model family writes its thinking. Data and one template, in strings; `resolveFormat` turns the strings into the
 * token ids of one model by that model's own tokenizer.
 */
export interface Format {
  readonly name: FormatName;
  /** The system message where the conversation has none; `undefined`: then none is written. */
  readonly defaultSystem: string | undefined;
  /** The conversation up to where the assistant's turn begins, without the opening of the thinking. */
  readonly renderTurns: (turns: readonly Turn[]) => readonly PromptPart[];
  /** Opens the thinking. Part of the prompt. */
  readonly openThinking: readonly PromptPart[];
  /** Stands in for the whole thinking where the budget is 0: forced. */
  readonly skipThinking: readonly PromptPart[];
  /** Control tokens that end the thinking when the model samples one of them. It is dropped, and never shown. */
  readonly thinkingEnds: readonly string[];
  /** Follows a thought that the model ended by itself. */
  readonly openAnswer: readonly PromptPart[];
  /** Follows a thought that was cut. A newline comes before it unless the thought ends in one, or `newlineBeforeCut` is false. */
  readonly forceAnswer: readonly PromptPart[];
  /** @default true */
  readonly newlineBeforeCut?: boolean;
  /** The tail of `forceAnswer` (and of `skipThinking`) that belongs to the answer's text: shown, marked as forced. */
  readonly forcedAnswerText: string;
  /**
   * The same two without a text of their own, for an answer that has to be of one form (JSON, a call of a tool) from its first
   * character on. Absent: `forcedAnswerText` is empty, and they are good for that as they are.
   */
  readonly bare?: { readonly skipThinking: readonly PromptPart[]; readonly forceAnswer: readonly PromptPart[] };
  /** How the family was trained to call tools. Absent: it was not. */
  readonly tools?: 'hermes';
  /** Control tokens that end the answer. Dropped, never shown. */
  readonly answerEnds: readonly string[];
}

/** A format in the token ids of one model. */
export interface FormatIds {
  readonly name: FormatName;
  readonly openThinking: readonly number[];
  readonly skipThinking: readonly number[];
  readonly thinkingEnds: readonly number[];
  readonly openAnswer: readonly number[];
  readonly forceAnswer: readonly number[];
  /** What comes before `forceAnswer` where the thought does not end in a newline. */
  readonly newline: readonly number[];
  readonly forcedAnswerText: string;
  readonly answerEnds: readonly number[];
  /** The literal text of each end, for servers that write it out. */
  readonly endTexts: ReadonlyMap<number, string>;
}
