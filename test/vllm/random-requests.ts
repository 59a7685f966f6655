import type { Answer, ChatBody } from './client.ts';
import type { TappedSegment } from './tap.ts';

/** A request, and what its answer must fulfil. */
export interface RandomRequest {
  readonly kind: RequestKind;
  readonly question: string;
  readonly body: ChatBody;
  readonly expected: {
    readonly min: number;
    readonly max: number;
    /** Waits that must have been forced: exactly, or at most. */
    readonly waits: { readonly exactly: number } | { readonly atMost: number };
  };
}

export const requestKinds = [
  'exact',
  'maximum',
  'masked minimum',
  'minimum with Waits',
  'Waits',
  'soft landing',
  'loop',
  'none',
] as const;
export type RequestKind = (typeof requestKinds)[number];

/** Kinds whose calls Budgetforce leaves before their end, so that the server generates a few tokens that nobody reads. */
export const leavesEarly: ReadonlySet<RequestKind> = new Set(['soft landing', 'loop']);

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Texts that someone may type, which must stay text. */
const typed = ['', '', ' <|im_end|>', ' <|im_start|>answer', ' </think>', ' é🤔'];

/** Makes the request number `index`. Its question is unique, so that its calls can be found at the tap. */
export function randomRequest(index: number, questions: readonly string[], random: () => number): RandomRequest {
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const kind = requestKinds[index % requestKinds.length] ?? 'exact';
  const question = `${questions[index % questions.length]} (${index})${typed[whole(0, typed.length - 1)]}`;
  const common = {
    stream: random() < 0.5,
    seed: whole(0, 2 ** 31),
    temperature: random() < 0.3 ? 0 : 1,
    max_completion_tokens: 1_600,
  };
  const request = (thinking: ChatBody, expected: RandomRequest['expected']): RandomRequest => ({
    kind,
    question,
    body: { ...common, thinking: { detect_loops: false, soft_landing: 1, ...thinking } },
    expected,
  });
  switch (kind) {
    case 'exact': {
      const tokens = whole(1, 300);
      return request(
        { min_tokens: tokens, max_tokens: tokens, waits: whole(0, 4) },
        { min: tokens, max: tokens, waits: { atMost: 4 } },
      );
    }
    case 'maximum': {
      const max = whole(1, 60);
      return request({ max_tokens: max }, { min: 0, max, waits: { exactly: 0 } });
    }
    case 'masked minimum': {
      const min = whole(50, 200);
      return request(
        { min_tokens: min, max_tokens: min + 100, waits: 0 },
        { min, max: min + 100, waits: { exactly: 0 } },
      );
    }
    case 'minimum with Waits': {
      const [min, waits] = [whole(80, 250), whole(1, 4)];
      return request(
        { min_tokens: min, max_tokens: min + 150, waits },
        { min, max: min + 150, waits: { atMost: waits } },
      );
    }
    case 'Waits': {
      const waits = whole(1, 3);
      return request({ waits, max_tokens: 1_200 }, { min: 0, max: 1_200, waits: { exactly: waits } });
    }
    case 'soft landing': {
      const max = whole(20, 60);
      return request({ max_tokens: max, soft_landing: 0.5 }, { min: 0, max, waits: { exactly: 0 } });
    }
    case 'loop': {
      const min = whole(400, 500);
      const thinking = { min_tokens: min, max_tokens: 1_000, waits: 0, detect_loops: true };
      const looping = request(thinking, { min, max: 1_000, waits: { exactly: 0 } });
      return { ...looping, body: { ...looping.body, temperature: 0 } };
    }
    case 'none':
      return request({ max_tokens: 0 }, { min: 0, max: 0, waits: { exactly: 0 } });
  }
}

/** What is wrong with an answer, as sentences. `segments` are its calls at the tap, in order; `decode` is the model's tokenizer. */
export function judge(
  { kind, expected }: RandomRequest,
  { report, usage, thought, content, finishReason }: Answer,
  segments: readonly TappedSegment[],
  decode: (ids: readonly number[]) => string,
): readonly string[] {
  const wrong: string[] = [];
  const same = (what: string, actual: unknown, right: unknown) => {
    if (actual !== right) wrong.push(`${what} is ${actual}, not ${right}`);
  };
  const { thinking_tokens: thinking, answer_tokens: answer, delimiter_tokens: delimiter, calls } = report;
  if (thinking < expected.min) wrong.push(`${thinking} thinking tokens are below the minimum ${expected.min}`);
  if (thinking > expected.max) wrong.push(`${thinking} thinking tokens are above the maximum ${expected.max}`);
  same('minimum_missed', report.minimum_missed, null);
  if ('exactly' in expected.waits) {
    if (report.end_reason !== 'budget') same('waits', report.waits, expected.waits.exactly);
  } else if (report.waits > expected.waits.atMost)
    wrong.push(`${report.waits} Waits are more than ${expected.waits.atMost}`);
  if (kind === 'none') same('end_reason', report.end_reason, 'disabled');
  if (report.end_reason === 'loop' && kind !== 'loop') wrong.push('a loop was cut without detect_loops');
  same('wait events', report.events.filter((event) => event.kind === 'wait').length, report.waits);

  same(
    'sampled - discarded + forced',
    report.sampled_tokens - report.discarded_tokens + report.forced_tokens,
    thinking + answer + delimiter,
  );
  same('tokens of the calls', sum(calls.map(({ tokens }) => tokens)), report.sampled_tokens);
  same('segments', calls.length, report.segments);
  same('reasoning_tokens', usage.completion_tokens_details.reasoning_tokens, thinking);
  same('completion_tokens', usage.completion_tokens, thinking + answer);
  same('total_tokens', usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  if (!['stop', 'length'].includes(finishReason)) wrong.push(`finish_reason is ${finishReason}`);

  // A call that failed before it reached the server was made again, and the account says so.
  const arrived = calls.filter(({ failure }) => failure === null);
  const tapped = segments.filter(({ ids }) => ids.length > 0);
  same('calls at the server', tapped.length, arrived.length);
  tapped.forEach((segment, index) => {
    const call = arrived[index];
    same(`prompt_tokens of call ${index}`, call?.prompt_tokens, segment.prompt.length);
    // A call that Budgetforce leaves early has no account of the server.
    if (segment.usage !== undefined && call?.prompt_tokens_evaluated != null) {
      const { prompt, cached, completion } = segment.usage;
      same(`prompt_tokens_evaluated of call ${index}`, call.prompt_tokens_evaluated, prompt - cached);
      same(`tokens of call ${index}`, call.tokens, completion);
    } else if (!leavesEarly.has(kind)) wrong.push(`call ${index} has no account of the server`);
  });
  wrong.push(...judgeText({ thought, content, thinking, endReason: report.end_reason }, segments, decode));
  return wrong;
}

/** The text must be the decoded ids: thinking, delimiter and answer, as the server has them after the last call. */
function judgeText(
  shown: { thought: string; content: string; thinking: number; endReason: string | null },
  segments: readonly TappedSegment[],
  decode: (ids: readonly number[]) => string,
): readonly string[] {
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) return ['no call reached the server'];
  // Without thinking, the first prompt already holds the delimiter.
  if (shown.thinking === 0) return [];
  const ids = [...last.prompt, ...last.ids].slice(first.prompt.length);
  const wrong: string[] = [];
  if (shown.endReason === 'loop' && !repeatsItself(ids.slice(0, shown.thinking))) {
    wrong.push('the thinking was cut as a loop, but does not repeat itself');
  }
  const thought = decode(ids.slice(0, shown.thinking));
  if (thought.trim() !== shown.thought.trim()) {
    wrong.push(`the thought is ${JSON.stringify(shown.thought)}, but its ids say ${JSON.stringify(thought)}`);
  }
  const rest = decode(ids.slice(shown.thinking));
  if (
    !rest
      .replace(/<\|im_(start|end)\|>/g, '')
      .trim()
      .endsWith(shown.content.trim())
  ) {
    wrong.push(`the answer is ${JSON.stringify(shown.content)}, but its ids say ${JSON.stringify(rest)}`);
  }
  return wrong;
}

/** Whether the ids end in the same tokens at least four times, over at least 160 tokens: what docs/budget-forcing.md calls a loop. */
function repeatsItself(ids: readonly number[]): boolean {
  return ids.some((_, period) => {
    const from = ids.length - Math.max(160, 4 * period);
    return period > 0 && from >= 0 && ids.slice(from + period).every((id, at) => id === ids[from + at]);
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
