import { Validations } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

/** Creates the secret from which the signing secrets of all webhooks follow. Secrets Manager generates it, so no template has it. */
export function createWebhookSecret(scope: Construct, id: string, key: IKey | undefined): Secret {
  const secret = new Secret(scope, id, {
    description: 'Master secret of the webhooks of the reasoning API',
    ...(key !== undefined && { encryptionKey: key }),
    generateSecretString: { passwordLength: 48, excludePunctuation: true },
  });
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason: 'A rotation would change the signing secrets of all webhooks, which their receivers have.',
  });
  return secret;
}
