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

/** The tools of a request, and whether the model must call one. */
export interface ToolUse {
  readonly tools: readonly Tool[];
  /** `auto`: the model decides. `required`: the whole answer is a call of one of `tools`. */
  readonly choice: 'auto' | 'required';
}
