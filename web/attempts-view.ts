import { element } from './element.ts';
import type { Attempt, Report } from './read-run.ts';

const REASONS: Readonly<Record<string, string>> = {
  first: 'asked first',
  unsure: 'asked since the one before was unsure',
  disagree: 'asked since the samples disagreed',
  failed: 'asked since the one before failed',
  hedge: 'asked since the one before was slow',
};

/** Who answered: the models that ran, in their order. `undefined` if there was only the model of the request. */
export function attemptsView({ attempts, route }: Report): HTMLElement | undefined {
  if (attempts === undefined || (attempts.length < 2 && route === undefined)) return undefined;
  const answered = route?.answered_by ?? attempts.at(-1)?.model;
  return element(
    'div',
    { className: 'attempts' },
    element('h3', {}, 'Who answered'),
    element('ol', {}, ...attempts.map((attempt) => element('li', {}, ...lineOf(attempt, answered)))),
  );
}

function lineOf(
  { model, reason, usage, confidence, failure }: Attempt,
  answered: string | undefined,
): readonly (Node | string)[] {
  const facts = [
    REASONS[reason] ?? reason,
    `${usage.completion_tokens} tokens`,
    ...(confidence === undefined ? [] : [`confidence ${confidence.toFixed(2)}`]),
    ...(failure === undefined ? [] : [`failed: ${failure}`]),
    ...(model === answered ? ['its answer went out'] : []),
  ];
  return [element('b', {}, model), ` ${facts.join(', ')}`];
}
