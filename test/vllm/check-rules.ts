import { type Feature, idle, must } from './feature.ts';
import { segmentOf, type TappedCall } from './tap.ts';
import { inParallel, type World } from './world.ts';

/** The rules by confidence (docs/adaptive.md) over the log-probabilities of the server. */
export const rules: readonly Feature[] = [
  ['a Wait only if unsure', checkGate],
  ['stop when sure', checkProbes],
  ['a vote that stops', checkVoteUntil],
  ['all rules together, exact', checkTogether],
];

const THRESHOLD = 0.3;

/** Each decision is checked against the log-probabilities that the same response returns. */
async function checkGate({ client, questions, parallel }: World): Promise<string> {
  const thinking = { waits: 1, wait_when: 'unsure', unsure_below: THRESHOLD, logprobs: true };
  let waited = 0;
  let skipped = 0;
  await inParallel(questions.slice(0, 48), parallel, async (question, seed) => {
    const { choices, budget_forcing: report } = await client.complete(question, { seed, temperature: 1, thinking });
    const entries = choices[0]?.logprobs?.reasoning_content ?? [];
    must(report !== undefined, 'the response has no account');
    must(entries.length === report.thinking_tokens, `${entries.length} entries for ${report.thinking_tokens} tokens`);
    const forced = entries.findIndex(({ logprob }) => logprob === null);
    const pass = entries.slice(0, forced === -1 ? undefined : forced).map(({ logprob }) => logprob ?? 0);
    const lowest = Math.exp(Math.min(...pass));
    if (report.end_reason !== 'model') return;
    const skip = report.events.find(({ kind }) => kind === 'wait_skipped');
    if (report.waits === 1) {
      must(lowest < THRESHOLD, `a Wait after a thought whose lowest probability is ${lowest}`);
      waited++;
    } else {
      must(lowest >= THRESHOLD, `no Wait after a thought whose lowest probability is ${lowest}`);
      must(
        Math.abs((skip?.value ?? Number.NaN) - lowest) < 1e-6,
        `the event says ${skip?.value}, the logprobs ${lowest}`,
      );
      skipped++;
    }
  });
  must(waited > 0 && skipped > 0, `${waited} Waits and ${skipped} skipped ones: the questions do not test both`);
  return `of 48 thoughts, ${waited} were unsure and got a Wait, ${skipped} were sure; each as the returned log-probabilities say`;
}

/** Probes are calls of their own, whose prompt is in the server's prefix cache. */
async function checkProbes({ client, questions, parallel, tap }: World): Promise<string> {
  const MINIMUM = 48;
  const asked = questions.slice(48, 80);
  tap.calls.length = 0;
  const answers = await inParallel(asked, parallel, async (question, seed) => {
    const thinking = { stop_when: 'sure', sure_above: 0.9, sure_probes: 2, waits: 0, min_tokens: MINIMUM };
    return await client.ask(question, { seed, temperature: 1, thinking, stream: seed % 2 === 0 });
  });
  const sent = [...tap.calls];
  let probes = 0;
  let tokens = 0;
  let sure = 0;
  for (const { report, usage } of answers) {
    const calls = report.calls.filter(({ part }) => part === 'probe');
    const probed = report.probes ?? { count: 0, tokens: 0 };
    must(calls.length === probed.count, `${calls.length} calls of probes, ${probed.count} reported`);
    must(report.thinking_tokens >= MINIMUM, `${report.thinking_tokens} thinking tokens, below the minimum`);
    must(
      report.events.every(({ kind, at }) => kind !== 'probe' || at >= MINIMUM),
      'a probe ran below the minimum',
    );
    must(
      report.sampled_tokens - report.discarded_tokens + report.forced_tokens ===
        report.thinking_tokens + report.answer_tokens + report.delimiter_tokens + probed.tokens,
      'the account does not add up',
    );
    must(usage.completion_tokens === report.thinking_tokens + report.answer_tokens, 'usage has the tokens of probes');
    probes += probed.count;
    tokens += probed.tokens;
    if (report.end_reason === 'sure') sure++;
  }
  // A thought is left for a probe: the server may have sent more tokens by then, which are never read.
  const unread = sampledOf(sent) - sum(answers.map(({ report }) => report.sampled_tokens));
  must(unread >= 0, `${-unread} tokens are counted that the server never sent`);
  must(probes > 0 && sure > 0, `${probes} probes and ${sure} early ends: the questions do not test them`);
  const cached = sent.map(segmentOf).filter(({ usage }) => (usage?.cached ?? 0) > 0).length;
  return `${probes} probes with ${tokens} tokens in 32 thoughts, ${sure} ended early; none below the minimum, ${cached} of ${sent.length} calls began in the prefix cache; ${unread} sent tokens were not read before a call was left`;
}

/** Decided votes start no further sample, and the server stops those that run. */
async function checkVoteUntil({ client, questions, tap, vllm }: World): Promise<string> {
  let started = 0;
  let aborted = 0;
  const ROUNDS = 16;
  for (const [seed, question] of questions.slice(80, 80 + ROUNDS).entries()) {
    tap.calls.length = 0;
    const until = seed % 2 === 0 ? { lead: 2 } : { agree: 4 };
    const { report, usage } = await client.ask(question, {
      // Hot samples disagree, so that a wave begins while others still run.
      ...{ n: 8, vote: true, vote_until: until, seed, temperature: seed < 4 ? 1 : 2 },
      thinking: { max_tokens: 200 },
      stream: seed % 4 > 1,
    });
    const { vote } = report;
    must(vote !== undefined, 'the response has no account of the vote');
    must(vote.started === vote.finished + vote.aborted, 'a started sample neither finished nor was aborted');
    must(vote.finished < 8 || vote.decided_by === 'all' || vote.decided_by === 'certain', 'a decided vote went on');
    const samples = sum(tap.calls.map(({ body }) => (isThinking(body) ? 1 : 0)));
    must(samples >= vote.started, `${samples} calls for ${vote.started} samples`);
    const sampled = sampledOf(tap.calls);
    const counted = usage.completion_tokens + vote.other_tokens + vote.aborted_tokens;
    // End tokens are sampled, and no part of an answer; an aborted call may have sent tokens that were no longer read.
    must(counted <= sampled, `${counted} tokens are billed, but the server sent ${sampled}`);
    started += vote.started;
    aborted += vote.aborted;
  }
  // Does not end while an aborted sample still runs.
  await idle(vllm);
  must(started < ROUNDS * 8, 'no vote stopped');
  return `${ROUNDS} votes of up to 8 samples started ${started} of ${ROUNDS * 8}, and aborted ${aborted} of them`;
}

/** Minimum, maximum, gated Waits and probes in one request. */
async function checkTogether({ client, questions, parallel }: World): Promise<string> {
  const asked = questions.slice(100, 148);
  const reports = await inParallel(asked, parallel, async (question, seed) => {
    // Without a minimum, an unsure end becomes a Wait at any length.
    const min = seed % 2 === 0 ? 0 : 40 + ((seed * 7) % 60);
    const max = min + 1 + ((seed * 13) % 160);
    const { report } = await client.ask(question, {
      ...{ seed, temperature: 1.2, stream: seed % 4 > 1 },
      thinking: {
        ...{ min_tokens: min, max_tokens: max, waits: seed % 3, wait_when: 'unsure', unsure_below: 0.8 },
        ...{ stop_when: 'sure', sure_above: 0.95, sure_probes: 2 },
      },
    });
    must(
      report.thinking_tokens >= min && report.thinking_tokens <= max,
      `${report.thinking_tokens} thinking tokens, but the limits are ${min} and ${max}`,
    );
    must(report.minimum_missed === null, 'the minimum was missed');
    must(report.waits <= seed % 3, `${report.waits} Waits, but ${seed % 3} are allowed`);
    return report;
  });
  const count = (kind: string) =>
    sum(reports.map(({ events }) => events.filter((event) => event.kind === kind).length));
  for (const kind of ['wait', 'wait_skipped', 'probe', 'cut']) {
    must(count(kind) > 0, `no request had a ${kind}: the requests do not test it`);
  }
  return `48 of 48 within minimum and maximum; ${count('wait')} Waits, ${count('wait_skipped')} skipped, ${count('suppress')} masked ends, ${count('probe')} probes, ${count('cut')} cuts`;
}

const sum = (counts: readonly number[]) => counts.reduce((total, each) => total + each, 0);
const sampledOf = (calls: readonly TappedCall[]) => sum(calls.map((call) => segmentOf(call).ids.length));

/** Whether a call may sample up to a thinking maximum that is larger than any answer here. */
function isThinking(body: string): boolean {
  return body.includes('"max_tokens":200');
}
