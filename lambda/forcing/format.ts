/** Names of the supported formats, one for each model family in lambda/formats. */
export const formatNames = [
  's1',
  'r1',
  'qwq',
  'qwen3',
  'gpt-oss',
  'qwen3.5',
  'deepseek-v3.1',
  'deepseek-v3.2',
  'deepseek-v4',
  'glm-4.5',
  'glm-4.7',
  'kimi-k2-thinking',
  'minimax-m2',
  'magistral',
  'nemotron-3',
] as const;
export type FormatName = (typeof formatNames)[number];

/** A piece of a prompt: one control token, or ordinary text, which is never parsed for control tokens. */
export type PromptPart =
  | {
      readonly control: string;
      /** If set, a vocabulary without this token gets it as text. If omitted, a missing token is an error. */
      readonly orText?: true;
    }
  | {
      readonly text: string;
      /** Its ids, if it is encoded already, apart from its neighbours. If omitted, it is encoded with them. */
      readonly ids?: readonly number[];
    };

/** A turn of the conversation. */
export interface Turn {
  /** `tool`: the result of one call. Results of the same turn follow each other. */
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Text from a client is always a `text` part, so it never becomes a control token. */
  readonly content: readonly PromptPart[];
  /** The thought before an answer of the assistant, if the client sent it back. Each family keeps or drops it by its own rule. */
  readonly thinking?: string;
  /** Calls that the assistant made after `content`. */
  readonly calls?: readonly ToolCall[];
  /** Id of the call that a `tool` turn answers. */
  readonly callId?: string;
}

/** A call that the model made in an earlier turn. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text, byte for byte. */
  readonly arguments: string;
}

/** A function that the model may call. */
export interface Tool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/** How calls are written in an answer: JSON between tags (Qwen, `hermes`), or the tags of a family. */
export type ToolGrammar = 'hermes' | CallTags;

/** The tags of a family's calls. White space between two tags is ignored. */
export interface CallTags {
  /** Opens a block of calls. */
  readonly open: string;
  /** Closes the block. If omitted, the block ends with its call. */
  readonly close?: string;
  /** Opens a call in the block. If omitted, the block has one call, whose name follows `open`. */
  readonly callOpen?: string;
  /** What follows the name. A tag that opens or closes something else stays. */
  readonly nameEnds: readonly string[];
  /** Whether the name is a part of Kimi's id of a call, `functions.NAME:INDEX`. @default false */
  readonly nameInId?: true;
  /** Closes a call. If omitted, the call ends with its arguments. */
  readonly callClose?: string;
  /** `json`: an object. Otherwise the tags of one argument. */
  readonly arguments: 'json' | ArgumentTags;
}

/** How one argument is written: its key, and its value as text (a string) or JSON (anything else). */
export interface ArgumentTags {
  readonly open: string;
  readonly keyEnd: string;
  /** Opens the value. If omitted, it follows `keyEnd`. */
  readonly valueOpen?: string;
  readonly close: string;
  /** Whether one newline on each side of the value is not a part of it. @default false */
  readonly newlines?: true;
  /** Whether the key is followed by `true"` or `false"` and `>`: whether the value is a string. If omitted, the tool's schema decides. @default false */
  readonly saysString?: true;
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
  /** Renders the conversation and the description of the tools up to the assistant's turn, before the thinking is opened. */
  readonly renderTurns: (turns: readonly Turn[], tools?: readonly Tool[]) => readonly PromptPart[];
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
  readonly tools?: ToolGrammar;
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
