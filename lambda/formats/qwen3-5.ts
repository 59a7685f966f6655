import type { Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { qwen3 } from './qwen3.ts';
import { spacedJson } from './spaced-json.ts';
import { functionCallParts, functionTags, howToCall } from './tools/function-tags.ts';
import { hasText, inRuns, lastUserIndex, systemFirst, tag, trimmed } from './turn-parts.ts';

/**
 * Qwen3.5 and Qwen3.6. The template opens the thinking. Thoughts since the user's last message stay. Delimiters and the text of a
 * cut are those of Qwen3; calls are written as by Qwen3-Coder.
 *
 * Source: `models/templates/Qwen3.5-4B.jinja` of ggml-org/llama.cpp.
 */
export const qwen35: Format = { ...qwen3, name: 'qwen3.5', renderTurns: renderQwen35, tools: functionTags };

function renderQwen35(turns: readonly Turn[], tools: readonly Tool[] = []): readonly PromptPart[] {
  const { system, rest } = systemFirst(turns);
  const given = trimmed(system ?? []);
  const described: readonly PromptPart[] =
    tools.length === 0 ? given : [...toolList(tools), ...(given.length === 0 ? [] : [{ text: '\n\n' }, ...given])];
  const lastUser = lastUserIndex(rest);
  const answers = rest.map((turn, index) => (turn.role === 'assistant' ? answerParts(turn, index > lastUser) : []));
  return [
    ...(system === undefined && tools.length === 0 ? [] : message('system', described)),
    ...inRuns(rest).flatMap((run) => {
      const [turn] = run;
      if (turn.role === 'tool') return message('user', resultParts(run));
      if (turn.role === 'user') return message('user', trimmed(turn.content));
      return message('assistant', answers[rest.indexOf(turn)] ?? []);
    }),
    { control: '<|im_start|>' },
    { text: 'assistant\n' },
  ];
}

function message(role: string, content: readonly PromptPart[]): readonly PromptPart[] {
  return [{ control: '<|im_start|>' }, { text: `${role}\n` }, ...content, { control: '<|im_end|>' }, { text: '\n' }];
}

function toolList(tools: readonly Tool[]): readonly PromptPart[] {
  const list = tools.map((tool) => `\n${spacedJson({ type: 'function', function: tool })}`).join('');
  return [{ text: `# Tools\n\nYou have access to the following functions:\n\n<tools>${list}\n</tools>` }, ...howToCall];
}

function answerParts({ content, thinking = '', calls = [] }: Turn, keepsThinking: boolean): readonly PromptPart[] {
  const thought: readonly PromptPart[] = keepsThinking
    ? [tag('<think>'), { text: `\n${thinking.trim()}\n` }, tag('</think>'), { text: '\n\n' }]
    : [];
  const text = trimmed(content);
  const called = calls.flatMap((call, index) => [
    { text: index > 0 ? '\n' : hasText(text) ? '\n\n' : '' },
    ...functionCallParts(call),
  ]);
  return [...thought, ...text, ...called];
}

function resultParts(results: readonly Turn[]): readonly PromptPart[] {
  return results.flatMap(({ content }, index) => [
    { text: index === 0 ? '' : '\n' },
    tag('<tool_response>'),
    { text: '\n' },
    ...trimmed(content),
    { text: '\n' },
    tag('</tool_response>'),
  ]);
}
