import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import {
  type FaultKind,
  faultKinds,
  type RandomInt,
  randomFaults,
  seededRandom,
} from '../local/endpoint/random-fault.ts';
import { type LocalServer, startLocal } from '../local/start-local.ts';
import { chainedEngine } from './chained-engine.ts';

export interface FaultRunOptions {
  readonly generations: number;
  readonly seed: number;
  /** Kinds of faults, played in turn. @default all */
  readonly kinds?: readonly FaultKind[];
  /** Number of questions that are asked. Each is generated once without a fault for each budget. @default 25 */
  readonly questions?: number;
  /** `chained`: a text that follows exactly from the ids before. `model`: the embedded model, whose near ties may differ. */
  readonly engine: 'chained' | 'model';
  /** Idle limit of the upstream, in milliseconds. */
  readonly idleMs: number;
}

/** What went wrong with a generation. `differs`: all tokens came, but another text was written. */
export type Verdict = 'same' | 'differs' | 'lost' | 'doubled' | 'hung' | 'wrong budget' | 'wrong count' | 'failed';

export interface FaultResult {
  readonly kind: FaultKind;
  readonly verdict: Verdict;
  /** Calls of the model, and those without the fault. */
  readonly calls: number;
  readonly expectedCalls: number;
  readonly ms: number;
  readonly expected: string;
  readonly text: string;
}

/** Time after which a generation counts as hung, in milliseconds: far above all retries of one. */
const HUNG_MS = 60_000;

const budgets = [
  { max_tokens: 40 },
  { max_tokens: 24, min_tokens: 24 },
  { max_tokens: 60, waits: 1 },
  { max_tokens: 48, min_tokens: 16 },
] as const;

/** Plays generations of the embedded model over the real API, each with a fault, and compares each with the same one without a fault. */
export async function playFaults(options: FaultRunOptions): Promise<readonly FaultResult[]> {
  const random = seededRandom(options.seed);
  const server = await startLocal({
    port: 0,
    host: '127.0.0.1',
    parallel: 1,
    upstreamIdleMs: options.idleMs,
    ...(options.engine === 'chained' ? { wrapEngine: chainedEngine } : {}),
  });
  const questions = readQuestions();
  const references = new Map<string, Answer>();
  const results: FaultResult[] = [];
  try {
    for (let at = 0; at < options.generations; at++) {
      const kinds = options.kinds ?? faultKinds;
      const kind = kinds[at % kinds.length] ?? 'none';
      const ask = {
        question: questions[random(options.questions ?? QUESTIONS)] ?? '',
        budget: budgets[random(budgets.length)] ?? budgets[0],
      };
      results.push(await playOne(server, kind, random, ask, references));
    }
  } finally {
    await server.close();
  }
  return results;
}

const QUESTIONS = 25;

interface Ask {
  readonly question: string;
  readonly budget: (typeof budgets)[number];
}

async function playOne(
  server: LocalServer,
  kind: FaultKind,
  random: RandomInt,
  ask: Ask,
  references: Map<string, Answer>,
): Promise<FaultResult> {
  const name = JSON.stringify(ask);
  server.endpoint?.faults.clear();
  const reference = references.get(name) ?? (await generate(server, ask));
  if ('failure' in reference) throw new Error(`A generation without a fault ${reference.failure}: ${reference.text}`);
  references.set(name, reference);
  server.endpoint?.faults.next(...randomFaults(kind, random));
  const from = performance.now();
  const answer = await generate(server, ask);
  const ms = performance.now() - from;
  const expectedCalls = reference.report.segments;
  if ('failure' in answer) {
    return { kind, verdict: answer.failure, calls: 0, expectedCalls, ms, expected: reference.text, text: answer.text };
  }
  const verdict = judge(answer, reference, ask);
  return {
    kind,
    verdict,
    calls: answer.report.segments,
    expectedCalls,
    ms,
    expected: reference.text,
    text: answer.text,
  };
}

const usageSchema = z.object({
  completion_tokens: z.int(),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
});
const reportSchema = z.object({
  thinking_tokens: z.int(),
  answer_tokens: z.int(),
  minimum_missed: z.string().nullable(),
  segments: z.int(),
});
const chunkSchema = z.object({
  choices: z.array(
    z.object({ delta: z.object({ content: z.string().nullish(), reasoning_content: z.string().nullish() }) }),
  ),
  usage: usageSchema.nullish(),
  budget_forcing: reportSchema.nullish(),
  error: z.unknown().optional(),
});

/** A generation without an answer, with what the client got. */
interface Failure {
  readonly failure: 'hung' | 'failed';
  readonly text: string;
}

interface Answer {
  readonly text: string;
  readonly usage: z.infer<typeof usageSchema>;
  readonly report: z.infer<typeof reportSchema>;
}

async function generate({ url, model }: LocalServer, { question, budget }: Ask): Promise<Answer | Failure> {
  const signal = AbortSignal.timeout(HUNG_MS);
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: model.id,
        messages: [{ role: 'user', content: question }],
        temperature: 0,
        stream: true,
        stream_options: { include_usage: true },
        thinking: budget,
      }),
      signal,
    });
    const body = await response.text();
    return response.ok ? readAnswer(body) : { failure: 'failed', text: body };
  } catch (error) {
    if (signal.aborted) return { failure: 'hung', text: '' };
    throw error;
  }
}

function readAnswer(stream: string): Answer | Failure {
  let text = '';
  let usage: Answer['usage'] | undefined;
  let report: Answer['report'] | undefined;
  for (const line of stream.split('\n')) {
    if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
    const chunk = chunkSchema.parse(JSON.parse(line.slice(6)));
    if (chunk.error !== undefined) return { failure: 'failed', text: line };
    for (const { delta } of chunk.choices) text += `${delta.reasoning_content ?? ''}${delta.content ?? ''}`;
    usage = chunk.usage ?? usage;
    report = chunk.budget_forcing ?? report;
  }
  if (usage === undefined || report === undefined) return { failure: 'failed', text: stream };
  return { text, usage, report };
}

function judge({ text, usage, report }: Answer, reference: Answer, { budget }: Ask): Verdict {
  const { thinking_tokens: thinking, answer_tokens: answer } = report;
  const minimum = 'min_tokens' in budget ? budget.min_tokens : 0;
  if (thinking > budget.max_tokens || thinking < minimum || report.minimum_missed !== null) return 'wrong budget';
  const counted = usage.completion_tokens === thinking + answer;
  if (!counted || usage.completion_tokens_details.reasoning_tokens !== thinking) return 'wrong count';
  if (text === reference.text) {
    return usage.completion_tokens === reference.usage.completion_tokens ? 'same' : 'wrong count';
  }
  if (isSubsequence(text, reference.text)) return 'lost';
  return isSubsequence(reference.text, text) ? 'doubled' : 'differs';
}

/** Whether `part` is `whole` with characters left out. */
function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (const character of whole) if (character === part[at]) at++;
  return at === part.length;
}

function readQuestions(): readonly string[] {
  const path = fileURLToPath(new URL('../local/model/questions.jsonl', import.meta.url));
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => z.object({ question: z.string() }).parse(JSON.parse(line)).question);
}
