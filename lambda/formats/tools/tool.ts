/** A function that the model may call. */
export interface Tool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/** A call that the model made. */
export interface ToolCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** Which tools a request brings, and whether one has to be called. */
export interface ToolUse {
  readonly tools: readonly Tool[];
  /** `auto`: as the model likes. `required`: one of `tools`, in the form of a call from its first character on. */
  readonly choice: 'auto' | 'required';
}
