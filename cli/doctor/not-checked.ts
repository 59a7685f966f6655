import { isDenied, isRejected, isUnauthenticated, isUnreachable, toAwsError } from '../aws/aws-error.ts';
import type { Finding } from './finding.ts';

/** The finding for a check that AWS did not answer: why, and what shows more. */
export function notChecked(check: string, cause: unknown, region: string): Finding {
  const error = toAwsError(cause);
  const unchecked = (text: string, fix?: string): Finding => ({ check, status: 'unchecked', text, fix });
  if (isRejected(error)) return unchecked(`${region} refuses the credentials (${error.name}).`, optStatus(region));
  if (isUnauthenticated(error)) return unchecked('It needs credentials.');
  if (isDenied(error)) {
    return unchecked(`The credentials may not look in ${region}: ${error.message}`, 'npx budgetforce doctor --help');
  }
  if (isUnreachable(error)) return unchecked(`AWS cannot be reached in ${region}: ${error.message}`);
  // The SDK adds lines on how to debug it. Something else than AWS may have answered, such as a proxy.
  const [reason = ''] = error.message.split('\n');
  return unchecked(`AWS could not be asked in ${region}: ${error.name}: ${reason}`);
}

/** Looks at items independently: one that AWS does not answer for hides no other. */
export async function findEach<T>(
  check: string,
  items: readonly T[],
  find: (item: T) => Promise<Finding | undefined>,
  regionOf: (item: T) => string,
): Promise<readonly Finding[]> {
  const findings = items.map(async (item) => {
    try {
      return await find(item);
    } catch (cause) {
      return notChecked(check, cause, regionOf(item));
    }
  });
  return (await Promise.all(findings)).flatMap((finding) => finding ?? []);
}

/**
 * The command that shows whether an account has enabled a region. Until it has, services there refuse its credentials as invalid.
 * https://docs.aws.amazon.com/accounts/latest/reference/API_GetRegionOptStatus.html
 */
export function optStatus(region: string): string {
  return `aws account get-region-opt-status --region-name ${region}`;
}
