import type { Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { spacedJson } from './spaced-json.ts';
import { functionCallParts, functionTags, howToCall } from './tools/function-tags.ts';
import { hasText, inRuns, lastUserIndex, systemFirst, tag, trimmed } from './turn-parts.ts';

/**
 * Nemotron 3. The template opens the thinking, and always writes a system message. Thoughts since the user's last message stay; earlier
 * answers have an empty thought in their place.
 *
 * Source: `models/templates/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.jinja` of ggml-org/llama.cpp.
 */
export const nemotron3: Format = {
  name: 'nemotron-3',
  defaultSystem: '',
  renderTurns: renderNemotron3,
  openThinking: [{ control: '<think>' }, { text: '\n' }],
  skipThinking: [{ control: '<think>' }, { control: '</think>' }],
  thinkingEnds: ['</think>', '<|im_end|>'],
  openAnswer: [{ control: '</think>' }],
  answerStart: '\n',
  forceAnswer: [{ control: '</think>' }, { text: '\n' }],
  forcedAnswerText: '',
  tools: functionTags,
  answerEnds: ['<|im_end|>', '<|endoftext|>'],
};

function renderNemotron3(turns: readonly Turn[], tools: readonly Tool[] = []): readonly PromptPart[] {
  const { system = [], rest } = systemFirst(turns);
  const lastUser = lastUserIndex(rest);
  const parts: PromptPart[] = [...open('system'), ...system];
  if (tools.length > 0) {
    if (system.some((part) => !('text' in part) || part.text !== '')) parts.push({ text: '\n\n' });
    parts.push({
      text: `# Tools\n\nYou have access to the following functions:\n\n<tools>${tools.map(describe).join('')}\n</tools>`,
    });
    parts.push(...howToCall);
  }
  parts.push(...close);
  for (const run of inRuns(rest)) {
    const [turn] = run;
    if (turn.role === 'tool') parts.push(...open('user'), ...run.flatMap(resultParts), ...close);
    else if (turn.role === 'user') parts.push(...open('user'), ...turn.content, ...close);
    else parts.push(...open('assistant'), ...answerParts(turn, rest.indexOf(turn) > lastUser), ...close);
  }
  return [...parts, ...open('assistant')];
}

function open(role: string): readonly PromptPart[] {
  return [{ control: '<|im_start|>' }, { text: `${role}\n` }];
}

const close: readonly PromptPart[] = [{ control: '<|im_end|>' }, { text: '\n' }];

function answerParts({ content, thinking = '', calls = [] }: Turn, keepsThinking: boolean): readonly PromptPart[] {
  const thought = thinking.trim() === '' ? [] : [{ text: '\n' }];
  const whole: readonly PromptPart[] =
    keepsThinking && thought.length > 0
      ? [tag('<think>'), { text: `\n${thinking}\n` }, tag('</think>'), { text: '\n' }]
      : [tag('<think>'), tag('</think>'), ...(calls.length === 0 ? thought : [])];
  const text = calls.length > 0 && !keepsThinking ? trimmed(content) : content;
  if (calls.length === 0) return hasText(text) || keepsThinking ? trimmed([...whole, ...text]) : trimmed(whole);
  return [
    ...trimmed([...whole, ...text]),
    { text: '\n' },
    ...calls.flatMap((call) => [...functionCallParts(call), { text: '\n' }]),
  ];
}

function resultParts({ content }: Turn): readonly PromptPart[] {
  return [tag('<tool_response>'), { text: '\n' }, ...content, { text: '\n' }, tag('</tool_response>'), { text: '\n' }];
}

/** The template lists a tool as tags, one for each property of its schema. */
function describe({ name, description, parameters }: Tool): string {
  const properties = isRecord(parameters?.['properties']) ? Object.entries(parameters['properties']) : [];
  const required = parameters?.['required'];
  return [
    '<function>',
    `<name>${name}</name>`,
    ...(description === undefined ? [] : [`<description>${description.trim()}</description>`]),
    '<parameters>',
    ...properties.flatMap(([key, schema]) => describeProperty(key, isRecord(schema) ? schema : {})),
    ...describeRest(parameters ?? {}, ['type', 'properties', 'required']),
    ...(required === undefined ? [] : [`<required>${spacedJson(required)}</required>`]),
    '</parameters>',
    '</function>',
  ]
    .map((line) => `\n${line}`)
    .join('');
}

function describeProperty(key: string, schema: Readonly<Record<string, unknown>>): readonly string[] {
  const { type, description, enum: values } = schema;
  return [
    '<parameter>',
    `<name>${key}</name>`,
    ...(type === undefined ? [] : [`<type>${plain(type)}</type>`]),
    ...(typeof description === 'string' ? [`<description>${description.trim()}</description>`] : []),
    ...(values === undefined ? [] : [`<enum>${spacedJson(values)}</enum>`]),
    ...describeRest(schema, ['name', 'type', 'description', 'enum']),
    '</parameter>',
  ];
}

function describeRest(schema: Readonly<Record<string, unknown>>, known: readonly string[]): readonly string[] {
  return Object.entries(schema)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]) => `<${key}>${plain(value)}</${key}>`);
}

/** Objects and arrays as JSON, other values by Python's `str`. */
function plain(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (value === null) return 'None';
  return typeof value === 'string' ? value : spacedJson(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
