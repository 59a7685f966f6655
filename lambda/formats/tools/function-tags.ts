import type { CallTags, PromptPart, ToolCall } from '../../forcing/format.ts';
import { tag, withTags } from '../turn-parts.ts';
import { type Argument, argumentsOf } from './arguments.ts';

/** Calls of Qwen3-Coder, Qwen3.5 and Nemotron 3: `<function=NAME>` with `<parameter=KEY>` in `<tool_call>`. */
export const functionTags: CallTags = {
  open: '<tool_call>',
  close: '</tool_call>',
  callOpen: '<function=',
  nameEnds: ['>'],
  callClose: '</function>',
  arguments: { open: '<parameter=', keyEnd: '>', close: '</parameter>', newlines: true },
};

/** How the templates of these families explain calls, after the list of tools. */
export const howToCall: readonly PromptPart[] = withTags(
  '\n\nIf you choose to call a function ONLY reply in the following format with NO suffix:\n\n<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</parameter>\n<parameter=example_parameter_2>\nThis is the value for the second parameter\nthat can span\nmultiple lines\n</parameter>\n</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within <tool_call></tool_call> XML tags\n- Required parameters MUST be specified\n- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after\n- If there is no function call available, answer the question like normal with your current knowledge and do not tell the user about function calls\n</IMPORTANT>',
  ['<tool_call>', '</tool_call>'],
);

/** Renders one call of an earlier turn. */
export function functionCallParts({ name, arguments: json }: ToolCall): readonly PromptPart[] {
  const parameters = argumentsOf(json).map((one) => `<parameter=${one.key}>\n${pythonText(one)}\n</parameter>\n`);
  return [
    tag('<tool_call>'),
    { text: `\n<function=${name}>\n${parameters.join('')}</function>\n` },
    tag('</tool_call>'),
  ];
}

/** The templates write booleans and null by Python's `str`. */
function pythonText({ text, isString }: Argument): string {
  if (isString) return text;
  return text === 'true' ? 'True' : text === 'false' ? 'False' : text === 'null' ? 'None' : text;
}
