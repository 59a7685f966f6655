import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const questionSchema = z.object({ id: z.string(), question: z.string() });

/** Greedy output of one question: prompt ids in, output ids out, its end token included. */
export const greedyAnswersSchema = z.array(
  z.object({ id: z.string(), question: z.string(), prompt: z.array(z.int()), output: z.array(z.int()) }),
);
export type GreedyAnswers = z.infer<typeof greedyAnswersSchema>;

export const greedyFixture = at('fixtures/greedy-tokens.json');
const MAX_TOKENS = 160;

/** Greedy tokens of the embedded model in llama.cpp, for the first questions of its set. */
export async function greedyAnswers(count: number): Promise<GreedyAnswers> {
  const lines = (await readFile(at('../../local/model/questions.jsonl'), 'utf8')).split('\n').slice(0, count);
  const engine = await loadLlamaEngine({ modelPath: at('../../local/model/budgetforce-tiny.gguf'), parallel: 1 });
  const answers: GreedyAnswers = [];
  for (const line of lines) {
    const { id, question } = questionSchema.parse(JSON.parse(line));
    const text = `<|im_start|>system\nYou are a careful assistant.<|im_end|>\n<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n<|im_start|>think`;
    const prompt = [...engine.tokenize(text, true)];
    const output: number[] = [];
    for await (const event of engine.generate({ ...greedy, promptIds: prompt }, new AbortController().signal)) {
      if (event.kind === 'token') output.push(event.id);
    }
    answers.push({ id, question, prompt, output });
  }
  await engine.close();
  return answers;
}

const greedy = {
  maxTokens: MAX_TOKENS,
  minTokens: 0,
  stopTokenIds: [],
  temperature: 0,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 1,
};
