import { describe, expect, it } from 'vitest';
import { answerFrames, readAnswer } from '../../../lambda/apis/answer-frames.ts';
import type { GenerationEvent } from '../../../lambda/generation/generation.ts';
import { NoCapacityError } from '../../../lambda/upstream/errors.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { scriptedApp } from '../scripted-world.ts';

const waiting: GenerationEvent = { kind: 'waiting', because: 'starting', retryInMs: 1 };
const text: GenerationEvent = { kind: 'text', part: 'answer', text: '4', forced: false };

async function* eventsOf(events: readonly GenerationEvent[]) {
  for (const value of events) yield { index: 0, value };
}
const runOf = (events: readonly GenerationEvent[]) => ({
  events: eventsOf(events),
  excludeThinking: false,
  samples: 1,
  accounts: [],
  tools: undefined,
});
const frames = { begin: () => ['begin'], piece: ({ kind }: { kind: string }) => [kind], end: () => ['end'] };

async function collected(generator: AsyncGenerator<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const frame of generator) all.push(frame);
  return all;
}

describe('answerFrames', () => {
  it('the message begins once, after all waiting and before the first piece', async () => {
    const [first, second, ...rest] = await collected(answerFrames(runOf([waiting, waiting, text, text]), frames));
    expect([first, second].every((frame) => frame?.startsWith(':'))).toBe(true);
    expect(rest).toEqual(['begin', 'text', 'text']);
  });

  it('waiting in the middle of a message is a comment and does not begin it again', async () => {
    const all = await collected(answerFrames(runOf([text, waiting, text]), frames));
    expect(all.filter((frame) => !frame.startsWith(':'))).toEqual(['begin', 'text', 'text']);
  });

  it('a generation that never gets past waiting begins no message', async () => {
    const all = await collected(answerFrames(runOf([waiting]), frames));
    expect(all.every((frame) => frame.startsWith(':'))).toBe(true);
  });
});

describe('readAnswer', () => {
  it('a generation that ends without an account is an error', async () => {
    await expect(readAnswer(runOf([waiting, text]), () => {})).rejects.toThrow('without an account');
  });
});

describe('A stream while the endpoint has no copy', () => {
  it.each([
    ['/v1/responses', { input: 'x' }, 'response.created'],
    ['/v1/messages', { messages: [{ role: 'user', content: 'x' }], max_tokens: 200 }, 'message_start'],
  ])('%s sends only comments until the message begins', async (path, body, begins) => {
    const none = { says: '', fails: new NoCapacityError('zero') };
    const script = [none, none, { says: '\nTwo.', ends: IM_START }, { says: '\nFour.', ends: IM_END }];
    const { app } = scriptedApp(script, { capacityWaitMs: 60_000 });
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'scripted', stream: true, ...body }),
    });
    const lines = (await response.text()).split('\n\n').filter((frame) => frame !== '');
    const start = lines.findIndex((frame) => frame.includes(begins));
    expect(start).toBeGreaterThan(0);
    expect(lines.slice(0, start).every((frame) => frame.startsWith(':'))).toBe(true);
    expect(lines.filter((frame) => frame.includes(`"type":"${begins}"`))).toHaveLength(1);
  });
});
