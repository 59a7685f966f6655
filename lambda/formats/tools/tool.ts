import type { Tool, ToolGrammar } from '../../forcing/format.ts';

/** The tools of a request, and whether the model must call one. */
export interface ToolUse {
  readonly tools: readonly Tool[];
  /** `auto`: the model decides. `required`: the whole answer is a call of one of `tools`. */
  readonly choice: 'auto' | 'required';
  /** How the model's family writes calls. @default 'hermes' */
  readonly grammar?: ToolGrammar;
}
