import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type FormatName, formatNames, type PromptPart, type Tool, type Turn } from '../../../lambda/forcing/format.ts';
import { formats } from '../../../lambda/formats/index.ts';
import { spacedJson } from '../../../lambda/formats/spaced-json.ts';

const message = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  reasoning_content: z.string().optional(),
  tool_call_id: z.string().optional(),
  tool_calls: z
    .array(z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.json() }) }))
    .optional(),
});
const published = z
  .object({
    tools: z.array(z.object({ function: z.custom<Tool>() })),
    conversations: z.record(z.string(), z.array(message)),
    prompts: z.array(
      z.object({
        format: z.enum(formatNames),
        title: z.string(),
        thinking: z.boolean(),
        prompt: z.string(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync('test/lambda/formats/fixtures/published-prompts.json', 'utf8')));

/** Templates that leave the opening of the thinking to the model, or its skipping to the operator. */
const opensLater: Partial<Record<FormatName, true>> = { 'glm-4.5': true, 'kimi-k2-thinking': true, magistral: true };

/** Families that cannot skip the thinking, or do it by changing what the user said. */
const cannotSkip: Partial<Record<FormatName, true>> = { 'glm-4.5': true, 'minimax-m2': true };

function turnOf({ role, content, ...rest }: z.infer<typeof message>): Turn {
  const calls = rest.tool_calls?.map((call) => ({
    id: call.id,
    name: call.function.name,
    arguments: spacedJson(call.function.arguments),
  }));
  return {
    role,
    content: [{ text: content }],
    ...(rest.reasoning_content === undefined ? {} : { thinking: rest.reasoning_content }),
    ...(rest.tool_call_id === undefined ? {} : { callId: rest.tool_call_id }),
    ...(calls === undefined ? {} : { calls }),
  };
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => ('control' in part ? part.control : part.text)).join('');
}

describe('the prompts of the families, as their published templates render them', () => {
  it.each(
    published.prompts
      .filter(({ format, thinking }) => thinking || cannotSkip[format] !== true)
      .filter(({ format, title }) => formats[format].tools !== undefined || !/tool|call/.test(title))
      .map((entry) => [entry.format, entry.title, entry.thinking ? 'with' : 'without', entry] as const),
  )('the prompt of %s for %s, %s thinking', (_, title, _mode, { format, thinking, prompt }) => {
    const family = formats[format];
    const given = (published.conversations[title] ?? []).map(turnOf);
    const hasSystem = given.some((turn) => turn.role === 'system');
    const turns: readonly Turn[] =
      hasSystem || family.defaultSystem === undefined
        ? given
        : [{ role: 'system', content: [{ text: family.defaultSystem }] }, ...given];
    const tools = /tool|call/.test(title) ? published.tools.map((tool) => tool.function) : [];
    const rendered = textOf(family.renderTurns(turns, tools));
    const opening = textOf(thinking ? family.openThinking : family.skipThinking);
    expect(opensLater[format] === true ? rendered : rendered + opening).toBe(prompt);
  });
});
