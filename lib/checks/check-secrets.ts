import { Token } from 'aws-cdk-lib';
import type { Refusal } from '../facts/refusal.ts';

const SOURCE = 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html';

/** Shapes of well-known secrets: Hugging Face, OpenAI and Anthropic, AWS, GitHub, GitLab, Slack, NVIDIA, JSON web tokens, private keys. */
const shapes: readonly RegExp[] = [
  /\bhf_[A-Za-z0-9]{8,}/,
  /\bsk-[A-Za-z0-9_-]{8,}/,
  /\b(AKIA|ASIA)[A-Z0-9]{12,}/,
  /\b(gh[pousr]_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,})/,
  /\bglpat-[A-Za-z0-9_-]{8,}/,
  /\bxox[abprs]-[A-Za-z0-9-]{8,}/,
  /\bnvapi-[A-Za-z0-9_-]{8,}/,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];

const secretName =
  /(^|[_-])(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|(API|ACCESS|PRIVATE|AUTH|SECRET)[_-]?KEY)$/i;

/**
 * Refuses a secret in plain text, by the name of its field or by its shape. It would be readable in the template, in
 * DescribeModel, and in the server's log. Values that are known only at deployment are references, not plain text.
 *
 * @param field how the message names the place, for instance `environment.HF_TOKEN`. The value is never printed.
 */
export function checkPlainSecret(
  modelId: string,
  field: string,
  name: string,
  value: string,
  {
    where = "in DescribeModel and in the server's log",
    instead = 'write source.tokenSecretName with the name of a secret in Secrets Manager for a token of the hub, or copy the weights to S3, which needs no token',
  }: { readonly where?: string; readonly instead?: string } = {},
): Refusal | undefined {
  if (isReference(value)) return undefined;
  const shaped = shapes.some((shape) => shape.test(value));
  if (!shaped && !(secretName.test(name) && value !== '' && !/^(true|false|\d+)$/i.test(value))) return undefined;
  return {
    code: 'plain-secret',
    sentence: `${field} of ${modelId} ${shaped ? 'has the shape of a secret' : 'has the name of a secret'} and would be readable in the template, ${where}: ${instead}.`,
    source: SOURCE,
    // A secret must not be deployed; only its name can be a false alarm.
    final: shaped ? true : undefined,
  };
}

/** Whether CloudFormation inserts the value at deployment: a CDK token or a dynamic reference. */
function isReference(value: string): boolean {
  return Token.isUnresolved(value) || /^\{\{resolve:(secretsmanager|ssm-secure|ssm):.+\}\}$/.test(value);
}
