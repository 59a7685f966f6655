import type { Answer } from './client.ts';
import { judge, leavesEarly, type RandomRequest, randomNumbers, randomRequest } from './random-requests.ts';
import { segmentOf, type TappedSegment } from './tap.ts';
import { inParallel, type Row, type World } from './world.ts';

/** vLLM's `--block-size` on a CPU, in tokens: what a prefix cache hit is rounded down to. */
const BLOCK_TOKENS = 128;

/** A request with its answer and its calls at the tap. */
interface Judged {
  readonly request: RandomRequest;
  readonly answer: Answer;
  readonly segments: readonly TappedSegment[];
}

/** Random requests in parallel: budgets, text and account of each, and the sums against the counters of the server. */
export async function checkBudgets(world: World): Promise<readonly Row[]> {
  const { requests, parallel, questions } = world;
  const random = randomNumbers(14);
  const all = Array.from({ length: requests }, (_, index) => randomRequest(index, questions, random));
  const wrong: string[] = [];
  const start = performance.now();
  const before = await counters(world);
  const whole = await askAll(
    world,
    all.filter(({ kind }) => !leavesEarly.has(kind)),
    wrong,
  );
  const after = await counters(world);
  const left = await askAll(
    world,
    all.filter(({ kind }) => leavesEarly.has(kind)),
    wrong,
  );
  const seconds = (performance.now() - start) / 1_000;
  for (const [what, count] of Object.entries(forcings([...whole, ...left]))) {
    if (count === 0) wrong.push(`no request had ${what}: the requests do not test it`);
  }
  return [
    {
      check: `${requests} random requests, ${parallel} in parallel`,
      figures: `${whole.length + left.length} answered in ${seconds.toFixed(0)} s; ${figuresOf([...whole, ...left])}`,
      wrong,
    },
    accountRow(whole, before, after),
    waitRow(whole),
  ];
}

async function askAll(world: World, wanted: readonly RandomRequest[], wrong: string[]): Promise<readonly Judged[]> {
  world.tap.calls.length = 0;
  const answers = await inParallel(wanted, world.parallel, async ({ question, body }) => {
    try {
      return await world.client.ask(question, body);
    } catch (error) {
      return String(error);
    }
  });
  const byQuestion = segmentsByQuestion(world, wanted);
  return wanted.flatMap((request, index) => {
    const answer = answers[index];
    if (answer === undefined || typeof answer === 'string') {
      wrong.unshift(`${request.kind}, ${JSON.stringify(request.question)}: ${answer}`);
      return [];
    }
    const segments = byQuestion.get(request.question) ?? [];
    wrong.push(
      ...judge(request, answer, segments, world.decode).map(
        (sentence) => `${request.kind}, ${JSON.stringify(request.question)}: ${sentence}`,
      ),
    );
    return [{ request, answer, segments }];
  });
}

function figuresOf(kept: readonly Judged[]): string {
  const exact = kept.filter(({ request }) => request.kind === 'exact');
  const right = exact.filter(({ request, answer }) => answer.report.thinking_tokens === request.expected.max);
  return [
    `minimum = maximum exact in ${right.length} of ${exact.length}`,
    ...Object.entries(forcings(kept)).map(([what, count]) => `${count} ${what}`),
  ].join(', ');
}

/** How often each forcing happened. */
function forcings(kept: readonly Judged[]) {
  const count = (holds: (report: Answer['report']) => boolean) =>
    kept.filter(({ answer }) => holds(answer.report)).length;
  return {
    Waits: kept.reduce((total, { answer }) => total + answer.report.waits, 0),
    'masked minimums': kept.filter(({ request }) => request.kind === 'masked minimum').length,
    'cuts at the maximum': count(({ end_reason }) => end_reason === 'budget'),
    'soft landings': count(({ events }) => events.some(({ soft }) => soft === true)),
    'loops cut': count(({ end_reason }) => end_reason === 'loop'),
  };
}

interface Counters {
  readonly prompt: number;
  readonly cached: number;
  readonly generated: number;
}

async function counters({ vllm }: World): Promise<Counters> {
  const [prompt, cached, generated] = await Promise.all([
    vllm.counter('vllm:prompt_tokens_total'),
    vllm.counter('vllm:prefix_cache_hits_total'),
    vllm.counter('vllm:generation_tokens_total'),
  ]);
  return { prompt, cached, generated };
}

/** The account of all requests against the counters of the server, which know nothing of Budgetforce. */
function accountRow(kept: readonly { answer: Answer }[], before: Counters, after: Counters): Row {
  const all = kept.flatMap(({ answer }) => answer.report.calls);
  const calls = all.filter(({ failure }) => failure === null);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const account = {
    evaluated: sum(calls.map((call) => call.prompt_tokens_evaluated ?? 0)),
    prompt: sum(calls.map((call) => call.prompt_tokens)),
    sampled: sum(calls.map((call) => call.tokens)),
  };
  const server = {
    evaluated: after.prompt - after.cached - (before.prompt - before.cached),
    prompt: after.prompt - before.prompt,
    sampled: after.generated - before.generated,
  };
  const wrong = (['evaluated', 'prompt', 'sampled'] as const)
    .filter((what) => account[what] !== server[what])
    .map((what) => `${what}: the account has ${account[what]}, the server ${server[what]}`);
  return {
    check: 'account against the counters of the server',
    figures: `prompt tokens evaluated ${account.evaluated} of ${account.prompt} (server: ${server.evaluated} of ${server.prompt}), sampled ${account.sampled} (server: ${server.sampled}), ${calls.length} calls, ${all.length - calls.length} more failed and were made again`,
    wrong,
  };
}

/** What a continued segment evaluates again: beside its new tokens, the cache block that was not full. */
function waitRow(kept: readonly Judged[]): Row {
  const again = kept.flatMap(({ answer, segments }) =>
    segments.slice(1).flatMap((now, index) => {
      const [earlier, call] = [segments[index], answer.report.calls[index + 1]];
      if (answer.report.calls.some(({ failure }) => failure !== null)) return [];
      if (earlier === undefined || call?.prompt_tokens_evaluated == null) return [];
      const known = commonLength([...earlier.prompt, ...earlier.ids], now.prompt);
      return [call.prompt_tokens_evaluated - (now.prompt.length - known)];
    }),
  );
  const most = Math.max(0, ...again);
  return {
    check: 'prompt tokens evaluated again per continued segment',
    figures: `at most ${most} beside the new ones in ${again.length} segments (a cache block has ${BLOCK_TOKENS})`,
    wrong: most <= BLOCK_TOKENS ? [] : [`${most} tokens are more than one cache block of ${BLOCK_TOKENS}`],
  };
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const different = b.findIndex((id, index) => id !== a[index]);
  return different < 0 ? b.length : different;
}

/** The calls at the tap, by the question in their prompts, in order. */
function segmentsByQuestion(
  { tap, decode }: World,
  wanted: readonly RandomRequest[],
): ReadonlyMap<string, readonly TappedSegment[]> {
  const found = new Map<string, TappedSegment[]>(wanted.map(({ question }) => [question, []]));
  for (const call of tap.calls) {
    const segment = segmentOf(call);
    const prompt = decode(segment.prompt);
    const asked = prompt.slice(prompt.indexOf('<|im_start|>user\n') + '<|im_start|>user\n'.length);
    for (const [question, segments] of found) if (asked.startsWith(`${question}<|im_end|>`)) segments.push(segment);
  }
  return found;
}
