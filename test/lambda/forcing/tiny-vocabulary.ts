import type { FormatIds } from '../../../lambda/forcing/format.ts';
import type { StreamDecoder } from '../../../lambda/tokenizer/tokenizer.ts';

/** Ids 0 to 255 are bytes; the rest are control tokens and one word. Small enough to read, real enough to split characters. */
export const IM_START = 256;
export const IM_END = 257;
export const END_OF_TEXT = 258;
export const WAIT = 259;
/** An end of the model's own (from its generation config) that no format lists. */
export const FOREIGN_END = 260;

export const bytes = (text: string): number[] => [...Buffer.from(text, 'utf8')];

export const format: FormatIds = {
  name: 's1',
  openThinking: [IM_START, ...bytes('think')],
  skipThinking: [IM_START, ...bytes('think\n'), IM_START, ...bytes('answer\nFinal Answer:')],
  thinkingEnds: [IM_START, IM_END, END_OF_TEXT],
  openAnswer: [IM_START, ...bytes('answer')],
  forceAnswer: [IM_START, ...bytes('answer\nFinal Answer:')],
  newline: bytes('\n'),
  forcedAnswerText: 'Final Answer:',
  answerEnds: [IM_END, IM_START, END_OF_TEXT],
  endTexts: new Map([
    [IM_START, '<|im_start|>'],
    [IM_END, '<|im_end|>'],
    [END_OF_TEXT, '<|endoftext|>'],
  ]),
};

export function newDecoder(): StreamDecoder {
  const utf8 = new TextDecoder('utf-8');
  return {
    push: (ids) => ids.map((id) => textOf(id, utf8)).join(''),
    // What is left is half a character: dropped.
    end: () => {
      utf8.decode();
      return '';
    },
  };
}

function textOf(id: number, utf8: InstanceType<typeof TextDecoder>): string {
  if (id < 256) return utf8.decode(Uint8Array.of(id), { stream: true });
  return id === WAIT ? 'Wait' : '';
}

/** All of a list of ids as text, half characters dropped, control tokens left out. */
export function decode(ids: readonly number[]): string {
  return newDecoder().push(ids);
}
