import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Reason why an app cannot work when deployed, found while it is synthesized. */
export interface Refusal {
  /** Short kebab-case name, which `--context allow=` accepts. */
  readonly code: string;
  /** One sentence: what is wrong, why, and what to write instead. */
  readonly sentence: string;
  /** The page that the reason is based on. */
  readonly source: string;
  /** If true, `--context allow=` has no effect, because the deployed function would refuse the value as well, or could never use it. */
  readonly final?: true | undefined;
}

/** Context key with the codes of refusals to allow: `--context allow=image-cuda,copies-fit`. */
const ALLOW_CONTEXT = 'allow';

/** Thrown for an app that cannot work. The message gives one sentence for each refusal. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super(refusals.map(toText).join('\n'));
    this.refusals = refusals;
  }
}

/**
 * Throws if `findings` contains a refusal; the message lists all of them. Refusals whose code is in the context `allow`
 * become warnings of the synthesis instead.
 *
 * @throws {RefusedError}
 */
export function refuse(scope: IConstruct, findings: Iterable<Refusal | undefined>): void {
  const allowed = allowedCodes(scope);
  const refused: Refusal[] = [];
  for (const finding of findings) {
    if (finding === undefined || refused.some(({ sentence }) => sentence === finding.sentence)) continue;
    if (finding.final || !allowed.has(finding.code)) refused.push(finding);
    else Validations.of(scope).addWarning(`budgetforce:${finding.code}`, `Allowed by context: ${finding.sentence}`);
  }
  if (refused.length > 0) throw new RefusedError(refused);
}

function allowedCodes(scope: IConstruct): ReadonlySet<string> {
  const context: unknown = scope.node.tryGetContext(ALLOW_CONTEXT);
  const codes = Array.isArray(context) ? context.map(String) : typeof context === 'string' ? context.split(',') : [];
  return new Set(codes.map((code) => code.trim()));
}

function toText({ code, sentence, source, final }: Refusal): string {
  return final
    ? `${sentence} (${source})`
    : `${sentence} (${source}; to deploy anyway: --context ${ALLOW_CONTEXT}=${code})`;
}
