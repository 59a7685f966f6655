import type { FormatName } from '../forcing/format.ts';
import { formats } from './index.ts';

/** What a model's files or server say about its prompts. */
export interface PublishedTemplate {
  /** The chat template (Jinja). `undefined` if there is none. */
  readonly chatTemplate: string | undefined;
  /** Control tokens of the vocabulary. If omitted, they are not checked. */
  readonly controlTokens?: ReadonlySet<string> | undefined;
}

/** The format that was found, or why none was. */
export type DerivedFormat =
  | { readonly format: FormatName; readonly because: string }
  | { readonly format?: undefined; readonly because: string };

interface Marks {
  readonly format: FormatName;
  /** Strings that the family's template has. */
  readonly has: readonly string[];
  /** Strings of a related family's template. */
  readonly lacks?: readonly string[];
}

/** What sets each family's template apart. `s1` is missing: its template is that of Qwen2.5, which does not think. */
const families: readonly Marks[] = [
  { format: 'gpt-oss', has: ['<|channel|>', '<|start|>', '<|message|>', 'analysis', 'commentary'] },
  { format: 'minimax-m2', has: [']~!b[', ']~b]', '<minimax:tool_call>', '<think>'] },
  { format: 'glm-4.5', has: ['[gMASK]<sop>', '<arg_key>', '/nothink'] },
  { format: 'glm-4.7', has: ['[gMASK]<sop>', '<arg_key>', '<think>', '<|observation|>'], lacks: ['/nothink'] },
  {
    format: 'kimi-k2-thinking',
    has: ['<|im_middle|>', '<|tool_calls_section_begin|>', '<think></think>', 'suffix_msgs'],
  },
  { format: 'deepseek-v3.2', has: ['｜DSML｜', 'function_calls', '<function_results>', '<think>'] },
  { format: 'deepseek-v4', has: ['｜DSML｜', 'tool_calls>', '<tool_result>', '<think>'], lacks: ['function_calls'] },
  { format: 'deepseek-v3.1', has: ['<｜tool▁calls▁begin｜>', '<｜tool▁sep｜>', 'thinking is defined', '<think>'] },
  {
    format: 'r1',
    has: ['<｜Assistant｜><think>', '<｜tool▁calls▁begin｜>'],
    lacks: ['not thinking is defined'],
  },
  { format: 'magistral', has: ['[THINK]', '[/THINK]', '[SYSTEM_PROMPT]', '[INST]'] },
  { format: 'nemotron-3', has: ['<|im_start|>', '<function=', 'truncate_history_thinking', '<think></think>'] },
  {
    format: 'qwen3.5',
    has: ['<|im_start|>', '<function=example_function_name>', 'enable_thinking', 'last_query_index', '<think>'],
    lacks: ['truncate_history_thinking'],
  },
  {
    format: 'qwen3',
    has: [
      '<|im_start|>',
      '"name\\": <function-name>',
      'enable_thinking',
      '<think>\\n\\n</think>\\n\\n',
      'last_query_index',
    ],
  },
  {
    format: 'qwq',
    has: ['<|im_start|>', '"name\\": <function-name>', '<think>\\n', "split('</think>')"],
    lacks: ['last_query_index'],
  },
];

/**
 * Derives the format of a model from its own chat template and control tokens. A template that fits no family, or several, gives
 * no format: then `because` says what to write.
 */
export function deriveFormat({ chatTemplate, controlTokens }: PublishedTemplate): DerivedFormat {
  if (chatTemplate === undefined || chatTemplate.trim() === '') {
    return { because: `The model publishes no chat template. ${write()}` };
  }
  const found = families.filter(
    ({ has, lacks = [] }) =>
      has.every((mark) => chatTemplate.includes(mark)) && !lacks.some((mark) => chatTemplate.includes(mark)),
  );
  const [family, second] = found;
  if (family === undefined) {
    return {
      because: /<think>|\[THINK\]|enable_thinking/.test(chatTemplate)
        ? `The chat template thinks, but in the way of no family that is known here. ${write()}`
        : `The chat template has no thinking. If the model is s1, write "s1". ${write()}`,
    };
  }
  if (second !== undefined) {
    const names = found.map(({ format }) => format).join(' and ');
    return { because: `The chat template fits ${names}. Write one of them.` };
  }
  const missing = delimitersOf(family.format).filter((token) => controlTokens?.has(token) === false);
  if (missing.length > 0) {
    return {
      because: `The chat template is that of ${family.format}, but the vocabulary lacks ${missing.join(', ')}. Use the tokenizer.json of the same model.`,
    };
  }
  return { format: family.format, because: `its chat template has ${family.has.slice(0, 3).join(', ')}` };
}

function write(): string {
  return `Write the format by its name: ${Object.keys(formats).join(', ')}.`;
}

/** The control tokens without which the format does not work. */
function delimitersOf(name: FormatName): readonly string[] {
  const { openThinking, thinkingEnds, answerEnds } = formats[name];
  const opens = openThinking.flatMap((part) => ('control' in part ? [part.control] : []));
  return [...new Set([...opens, ...thinkingEnds.slice(0, 1), ...answerEnds.slice(0, 1)])];
}
