import { describe, expect, it } from 'vitest';
import type { ToolUse } from '../../../lambda/formats/tools/tool.ts';
import { preparePrompt } from '../../../lambda/generation/prepare-prompt.ts';
import { bytes, decode, IM_START } from '../forcing/tiny-vocabulary.ts';
import { scriptedModel } from '../scripted-world.ts';

const model = scriptedModel('scripted', []);
const context = { caller: { id: 'anonymous', admin: false, limits: {} }, signal: new AbortController().signal };
const turns = [{ role: 'user', content: [{ text: 'How many?' }] }] as const;
const tools: ToolUse = { tools: [{ name: 'look' }], choice: 'auto' };
const promptOf = async (request: Parameters<typeof preparePrompt>[0]) =>
  decode((await preparePrompt(request, model, context)).promptIds);

describe('preparePrompt', () => {
  it('a conversation without a system message has the default of its model', async () => {
    expect(await promptOf({ turns })).toBe('system\nBe brief.\nuser\nHow many?\nassistant\n');
  });

  it('tools are described at the end of the first system message, or of the configured one', async () => {
    const own = [{ role: 'system', content: [{ text: 'Be kind.' }] } as const, ...turns];
    expect(await promptOf({ turns: own, tools })).toMatch(/^system\nBe kind\.\n\n# Tools.*"name":"look"/s);
    expect(await promptOf({ turns, tools })).toMatch(/^system\nBe brief\.\n\n# Tools/);
  });

  it('a given thought begins as the model begins one, and a given newline is not doubled', async () => {
    const prefixOf = async (thinking: string) =>
      (await preparePrompt({ turns, prefix: { thinking } }, model, context)).prefixIds;
    expect(await prefixOf('Two.')).toEqual(bytes('\nTwo.'));
    expect(await prefixOf('\n\nTwo.')).toEqual(bytes('\n\nTwo.'));
    expect(await prefixOf('')).toEqual([]);
  });

  it('a given answer follows its thought, or the skipped thinking, without the words of a forced answer', async () => {
    const prefixOf = async (prefix: { thinking?: string; answer: string }) =>
      (await preparePrompt({ turns, prefix }, model, context)).prefixIds;
    const think = [IM_START, ...bytes('think')];
    expect(await prefixOf({ thinking: 'Two.', answer: 'Four' })).toEqual([
      ...think,
      ...bytes('\nTwo.\n'),
      IM_START,
      ...bytes('answer\nFour'),
    ]);
    expect(await prefixOf({ answer: 'Four' })).toEqual([...think, ...bytes('\n'), IM_START, ...bytes('answer\nFour')]);
  });

  it('retrieval is refused without a store of documents', async () => {
    const retrieval = { stores: ['vs_1'], maxTokens: 9, maxResults: 1, scoreThreshold: 0, when: 'before' } as const;
    await expect(preparePrompt({ turns, retrieval }, model, context)).rejects.toMatchObject({ status: 400 });
  });

  it('an aborted request is not encoded', async () => {
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(preparePrompt({ turns }, model, { ...context, signal })).rejects.toThrow('gone');
  });
});
