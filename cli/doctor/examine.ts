import { checkBucket } from '../../lib/checks/check-model-source.ts';
import { type Config, hostedPart } from '../../lib/config.ts';
import { RefusedError } from '../../lib/facts/refusal.ts';
import { type CreatedResources, createdBy } from '../../plan/created.ts';
import type { AwsClients } from './aws-clients.ts';
import { checkCredentials } from './credentials.ts';
import type { Check, Finding } from './finding.ts';
import { checkImages } from './images.ts';
import { checkInstanceOfferings } from './instance-offerings.ts';
import { checkLogRole } from './log-role.ts';
import { checkNames } from './names.ts';
import { notChecked } from './not-checked.ts';
import { checkOtherEndpoints } from './other-endpoints.ts';
import { checkQuotas } from './quotas.ts';
import { bringWeights, checkWeights } from './weights.ts';

/** Checks of the account, by the area of their findings. */
const checks: Readonly<Record<string, Check>> = {
  quotas: checkQuotas,
  instances: checkInstanceOfferings,
  weights: checkWeights,
  image: checkImages,
  'log role': checkLogRole,
  names: checkNames,
  endpoints: checkOtherEndpoints,
};

/** Names of the checks of the account. */
export const areas = Object.keys(checks);

/** Looks at all that a deployment of a config needs, without changing anything. A check that cannot be made is a finding, too. */
export async function examine(
  config: Config,
  clients: AwsClients,
  only: readonly string[] = areas,
): Promise<readonly Finding[]> {
  const { created, findings } = synthesize(config);
  const patient = { config, clients, created };
  const credentials = await run('credentials', clients.region, async () => await checkCredentials(patient));
  const chosen = Object.entries(checks).filter(([name]) => only.includes(name));
  const rest = chosen.map(async ([name, check]) => await run(name, clients.region, async () => await check(patient)));
  return [...findings, ...credentials, ...(await Promise.all(rest)).flat()];
}

/** The checks of the synthesis, which need no account. */
function synthesize(config: Config): {
  readonly created: readonly CreatedResources[] | undefined;
  readonly findings: readonly Finding[];
} {
  try {
    const created = createdBy(config, undefined);
    return {
      created,
      findings: [
        ...placeholders(config),
        { check: 'config', status: 'ok', text: 'The synthesis refuses nothing else.' },
      ],
    };
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const findings = error.refusals.map(
      ({ sentence, source }): Finding => ({ check: 'config', status: 'problem', text: sentence, fix: source }),
    );
    return { created: undefined, findings };
  }
}

/** Buckets of examples, which a plan allows and a deployment does not. */
function placeholders(config: Config): readonly Finding[] {
  return (hostedPart(config)?.models ?? []).flatMap(({ id, source }): readonly Finding[] => {
    const refusal = source.kind === 's3' ? checkBucket(id, 'source.uri', source.uri) : undefined;
    return refusal === undefined
      ? []
      : [{ check: 'config', status: 'problem', text: refusal.sentence, fix: bringWeights(id) }];
  });
}

async function run(
  name: string,
  region: string,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (cause) {
    return [notChecked(name, cause, region)];
  }
}
