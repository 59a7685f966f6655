import { Token } from 'aws-cdk-lib';
import type { Refusal } from '../facts/refusal.ts';
import { placeOf } from './host-place.ts';

/** Path of an upstream in its model, and whether the function is in a network of yours. */
interface Where {
  readonly field: string;
  readonly inNetwork: boolean;
}

/** Server of an external model, as far as it is checked here. */
interface CheckedUpstream {
  readonly baseUrl: string;
  readonly apiKeySecretArn?: string | undefined;
}

/**
 * Refuses a server that the function cannot or should not call, and a secret that it cannot read. CDK tokens are not checked.
 *
 * @param where the upstream's path in the model, and whether the function is in a network of yours
 */
export function checkUpstream(
  region: string,
  id: string,
  { baseUrl, apiKeySecretArn }: CheckedUpstream,
  where: Where = { field: 'upstream', inNetwork: false },
): readonly (Refusal | undefined)[] {
  return [
    ...(Token.isUnresolved(baseUrl) ? [] : checkUrl(id, new URL(baseUrl), where)),
    apiKeySecretArn === undefined || Token.isUnresolved(apiKeySecretArn)
      ? undefined
      : checkSecret(region, apiKeySecretArn, `${where.field}.apiKeySecretArn of ${id}`),
  ];
}

function checkUrl(id: string, url: URL, { field, inNetwork }: Where): readonly (Refusal | undefined)[] {
  const address = `${url.origin}${url.pathname}`;
  const place = placeOf(url.hostname);
  return [
    url.username + url.password + url.search + url.hash === ''
      ? undefined
      : {
          code: 'upstream-url',
          sentence: `${field}.baseUrl of ${id} has more than a host and a path, but /completions is appended to it, and a key in a URL would be readable in the template: write "${address}", and put a key into a secret (${field}.apiKeySecretArn).`,
          source: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
        },
    place === 'own'
      ? {
          code: 'upstream-private',
          sentence: `${field}.baseUrl of ${id} is "${address}", an address of the function's own machine, where no server runs: write the address of the server.`,
          source: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html',
        }
      : place === 'private' && !inNetwork
        ? {
            code: 'upstream-private',
            sentence: `${field}.baseUrl of ${id} is "${address}", a private address, but the function runs outside your VPCs and cannot reach it: put the function into its network (api.network), or write a public name with TLS, for instance of an internet-facing load balancer in front of the server.`,
            source: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html',
          }
        : url.protocol === 'http:' && place === 'public'
          ? {
              code: 'upstream-http',
              sentence: `${field}.baseUrl of ${id} is "${address}", so prompts, answers and the server's key would cross the internet unencrypted: write "${address.replace('http:', 'https:')}" and put a certificate in front of the server.`,
              source: 'https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html',
            }
          : undefined,
  ];
}

/** Refuses a secret that the function cannot read: of another region, or not by its whole ARN. What is no ARN is not repeated. */
export function checkSecret(region: string, arn: string, field: string): Refusal | undefined {
  if (new RegExp(`^arn:aws[a-z-]*:secretsmanager:${region}:\\d{12}:secret:.+-[A-Za-z0-9]{6}$`).test(arn))
    return undefined;
  const isArn = arn.startsWith('arn:');
  return {
    code: 'upstream-secret',
    sentence: `${field} is ${isArn ? `"${arn}"` : 'not an ARN'}, but the function reads a secret of ${region} by its whole ARN: write "arn:aws:secretsmanager:${region}:<account>:secret:<name>-<six characters>". The key itself never belongs into a config.`,
    source: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html',
    // What is no ARN may be the key itself, which must not be deployed.
    final: isArn ? undefined : true,
  };
}

/** Refuses two models with one id: a request could not name the second one. */
export function checkModelIds(ids: readonly string[]): Refusal | undefined {
  const repeated = ids.find((id, index) => ids.indexOf(id) < index);
  if (repeated === undefined) return undefined;
  return {
    code: 'same-id',
    sentence: `Two models have the id "${repeated}", but a request names a model by its id: write different ids.`,
    source: 'https://platform.openai.com/docs/api-reference/chat/create',
    final: true,
  };
}

/** Refuses a model of an endpoint without the endpoint: the function could not be allowed to invoke it. */
export function checkEndpointGiven(hosted: readonly string[], hasEndpoint: boolean): Refusal | undefined {
  if (hosted.length === 0 || hasEndpoint) return undefined;
  return {
    code: 'endpoint-missing',
    sentence: `${hosted.join(' and ')} run on an endpoint, but the property endpoint is missing, so the function may not invoke it: write endpoint, or a model with an upstream.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html',
    final: true,
  };
}

/** Refuses an API without models. */
export function checkAnyModel(models: number): Refusal | undefined {
  if (models > 0) return undefined;
  return {
    code: 'no-models',
    sentence: 'models is empty, so the API would have nothing to serve: write at least one model.',
    source: 'https://platform.openai.com/docs/api-reference/models',
    final: true,
  };
}
