/** Names of the supported formats, one for each model family in lambda/formats. */
export const formatNames = ['s1', 'r1', 'qwq', 'qwen3', 'gpt-oss'] as const;
export type FormatName = (typeof formatNames)[number];

/** A piece of a prompt: one control token, or ordinary text, which is never parsed for control tokens. */
export type PromptPart =
  | {
      readonly control: string;
      /** If set, a vocabulary without this token gets it as text. If omitted, a missing token is an error. */
      readonly orText?: true;
    }
  | { readonly text: string };

/** A turn of the conversation. The thinking of earlier turns is not part of it. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  /** Text from a client is always a `text` part, so it never becomes a control token. */
  readonly content: readonly PromptPart[];
}

/**
 * The beginning of an output, which a generation continues: a thought, an answer, or both. An empty text counts as omitted. With an
 * answer the thinking is over; without a thought it is skipped.
 */
export interface OutputPrefix {
  readonly thinking?: string;
  readonly answer?: string;
}

/**
 * How a model family delimits its thinking and renders a conversation, as strings. `resolveFormat` turns the strings into
 * the token ids of one model, with that model's own tokenizer.
 */
export interface Format {
  readonly name: FormatName;
  /** System message of a conversation that has none. `undefined`: no system message is written. */
  readonly defaultSystem: string | undefined;
  /** Renders the conversation up to the assistant's turn, before the thinking is opened. */
  readonly renderTurns: (turns: readonly Turn[]) => readonly PromptPart[];
  /** Opens the thinking; part of the prompt. */
  readonly openThinking: readonly PromptPart[];
  /** Replaces the whole thinking if the budget is 0. Counts as forced. */
  readonly skipThinking: readonly PromptPart[];
  /** What the model samples first in the thinking, before its shown text. Precedes a given thought. @default '' */
  readonly thinkingStart?: string;
  /** Control tokens that end the thinking when the model samples one. The token is dropped and never shown. */
  readonly thinkingEnds: readonly string[];
  /** Opens the answer after the model ended the thinking by itself. */
  readonly openAnswer: readonly PromptPart[];
  /** What the model samples first in the answer after `openAnswer`, before its shown text. Precedes a given answer. @default '' */
  readonly answerStart?: string;
  /** Opens the answer after a cut. A newline precedes it unless the thinking ends in one or `newlineBeforeCut` is false. */
  readonly forceAnswer: readonly PromptPart[];
  /** Whether a newline precedes `forceAnswer`. @default true */
  readonly newlineBeforeCut?: boolean;
  /** The end of `forceAnswer` and `skipThinking` that belongs to the answer's text. It is shown, marked as forced. */
  readonly forcedAnswerText: string;
  /**
   * Variants of the two without `forcedAnswerText`, for a structured answer (JSON, a tool call), whose form begins with its
   * first character. If omitted, `forcedAnswerText` is empty and the two serve as they are.
   */
  readonly bare?: { readonly skipThinking: readonly PromptPart[]; readonly forceAnswer: readonly PromptPart[] };
  /** How the family was trained to call tools. If omitted, it was not, and requests with tools are refused. */
  readonly tools?: 'hermes';
  /** Control tokens that end the answer. They are dropped and never shown. */
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
  /** Precedes `forceAnswer` if the thinking does not end in a newline. */
  readonly newline: readonly number[];
  readonly forcedAnswerText: string;
  readonly answerEnds: readonly number[];
  /** Literal text of each end token, for servers that include it in their text. */
  readonly endTexts: ReadonlyMap<number, string>;
}
