import * as z from 'zod';
import { segmentOf } from './tap.ts';
import { inParallel, type Row, type World } from './world.ts';

/** What the server forces when its budget is used up: the delimiter and the opening that Budgetforce forces too. */
export const reasoningConfig = {
  reasoning_start_str: '<|im_start|>think',
  reasoning_end_str: '<|im_start|>answer\nFinal Answer:',
};

const COUNT = 48;
const completionSchema = z.looseObject({
  choices: z.tuple([z.looseObject({ text: z.string(), token_ids: z.array(z.int()) })]),
});

interface Outcome {
  readonly thinking: number;
  readonly budget: number;
  /** Whether thinking is in the answer: a second thought, or the delimiter as text. */
  readonly leaks: boolean;
}

/** The server's own `thinking_token_budget` beside Budgetforce, with the same prompts and budgets. */
export async function checkOwnBudget(world: World): Promise<readonly Row[]> {
  const { client, tap, vllm, questions, parallel, decode } = world;
  const asked = questions
    .slice(0, COUNT)
    .map((question, index) => ({ question: `${question} (own ${index})`, budget: 4 + ((index * 7) % 60) }));
  tap.calls.length = 0;
  const ours = await inParallel(asked, parallel, async ({ question, budget }): Promise<Outcome> => {
    const { report, content } = await client.ask(question, {
      seed: 1,
      thinking: { max_tokens: budget, soft_landing: 1 },
    });
    return { thinking: report.thinking_tokens, budget, leaks: leaks(content) };
  });
  const prompts = new Map(
    tap.calls
      .map(segmentOf)
      .map(({ prompt }) => {
        const text = decode(prompt);
        return [asked.find(({ question }) => text.includes(question))?.question, prompt] as const;
      })
      .reverse(),
  );
  const theirs = await inParallel(asked, parallel, async ({ question, budget }): Promise<Outcome> => {
    const response = await fetch(`${vllm.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: client.model,
        prompt: prompts.get(question),
        max_tokens: 600,
        seed: 1,
        skip_special_tokens: false,
        return_token_ids: true,
        thinking_token_budget: budget,
      }),
    });
    const { choices } = completionSchema.parse(await response.json());
    const text = decode(choices[0].token_ids);
    const end = text.search(/<\|im_(start|end)\|>/);
    const thinking = choices[0].token_ids.findIndex((id) => /<\|im_(start|end)\|>/.test(decode([id])));
    return {
      thinking: thinking < 0 ? choices[0].token_ids.length : thinking,
      budget,
      leaks:
        end < 0 ||
        leaks(
          text
            .slice(end)
            .replace(/^<\|im_start\|>answer/, '')
            .replace(/<\|im_end\|>$/, ''),
        ),
    };
  });
  return [
    row('Budgetforce, maximum', ours, true),
    row("the server's own thinking_token_budget, same prompts", theirs, false),
    await ownMinimum(world, [...prompts.values()][0] ?? []),
  ];
}

function row(check: string, outcomes: readonly Outcome[], exact: boolean): Row {
  const over = outcomes.map(({ thinking, budget }) => thinking - budget).filter((beyond) => beyond > 0);
  const leaking = outcomes.filter(({ leaks: leak }) => leak).length;
  return {
    check,
    figures: `overshoot in ${over.length} of ${outcomes.length} (at most ${Math.max(0, ...over)} tokens), thinking in the answer in ${leaking}`,
    wrong: exact && (over.length > 0 || leaking > 0) ? ['Budgetforce is not exact'] : [],
  };
}

/** The server has no minimum of thinking: `min_tokens` counts the whole output. */
async function ownMinimum({ client, vllm, decode }: World, prompt: readonly number[]): Promise<Row> {
  const response = await fetch(`${vllm.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: client.model,
      prompt,
      max_tokens: 400,
      min_tokens: 200,
      seed: 1,
      skip_special_tokens: false,
      return_token_ids: true,
      thinking_token_budget: 300,
    }),
  });
  const { choices } = completionSchema.parse(await response.json());
  const thinking = choices[0].token_ids.findIndex((id) => decode([id]) === '<|im_start|>');
  return {
    check: "the server's own minimum",
    figures: `min_tokens 200 beside thinking_token_budget 300: the thinking ended after ${thinking} tokens, since min_tokens masks only the end of the whole output`,
    wrong: [],
  };
}

function leaks(answer: string): boolean {
  return /<\|im_start\|>|\bthink\n/.test(answer);
}
