import { invalidRequest } from '../errors/api-error.ts';
import type { GenerationRequest } from '../generation/request.ts';
import type { ChatRequest } from './chat/request.ts';

/**
 * Checks that a request of a dialect whose responses have one answer has several samples for a vote only.
 *
 * @throws {ApiError} 400 if it does not vote
 */
export function refuseSeveralAnswers({ n, vote }: Pick<ChatRequest, 'n' | 'vote'>): void {
  if (n == null || n === 1 || vote === true) return;
  throw invalidRequest(
    'n',
    `n (${n}) asks for several answers, but a response of this API has one. Give vote: true with it, omit n, or use /v1/chat/completions.`,
    'unsupported_parameter',
  );
}

/**
 * The vote that a request asks for.
 *
 * @throws {ApiError} 400 if its fields contradict each other
 */
export function voteOf(request: ChatRequest): Pick<GenerationRequest, 'vote'> {
  const { vote_until: until, vote_weights: weights } = request;
  const samples = request.n ?? 1;
  if (request.vote !== true) {
    const field = until != null ? 'vote_until' : weights != null ? 'vote_weights' : undefined;
    if (field === undefined) return {};
    throw invalidRequest(field, `${field} is for a vote. Give vote: true with it, or omit ${field}.`);
  }
  if (samples < 2) {
    throw invalidRequest('vote', `vote requires several samples, but n is ${samples}. Give an n from 2 to 16.`);
  }
  if (until != null) {
    const [name, value] = 'lead' in until ? (['lead', until.lead] as const) : (['agree', until.agree] as const);
    if (value > samples) {
      throw invalidRequest(
        `vote_until.${name}`,
        `vote_until.${name} (${value}) is greater than n (${samples}), so the vote could never reach it. Give at most ${samples}, or a larger n.`,
      );
    }
  }
  return { vote: { weighted: weights === 'confidence', ...(until == null ? {} : { until }) } };
}
