import type { SettledPolicy } from './settle-policy.ts';

/**
 * Names the rules of a request beside its limits, joined by `+`: `risk`, `wait_when_unsure`, `stop_when_sure`, `vote`, and `route:ID`.
 * Without any, `fixed`.
 */
export function policyName({ request, gates, risk }: SettledPolicy): string {
  const names = [
    ...(risk === undefined ? [] : ['risk']),
    ...(gates.waitBelow === undefined ? [] : ['wait_when_unsure']),
    ...(gates.stopWhenSure === undefined ? [] : ['stop_when_sure']),
    ...(request.vote === undefined ? [] : ['vote']),
    ...(request.route === undefined ? [] : [`route:${request.route.settings.id}`]),
  ];
  return names.length === 0 ? 'fixed' : names.join('+');
}
