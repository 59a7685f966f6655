import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Why an app cannot work when it is deployed, found while it is synthesized. */
export interface Refusal {
  /** A short name, kebab-case: what `--context allow=` takes. */
  readonly code: string;
  /** What is wrong, why, and what to write instead: one sentence. */
  readonly sentence: string;
  /** The page that says so. */
  readonly source: string;
  /** Whether it cannot be let through: what is deployed refuses it too. */
  readonly final?: true | undefined;
}

/** The context key that lets refusals through, knowingly: `--context allow=image-cuda,copies-fit`. */
const ALLOW_CONTEXT = 'allow';

/** An app that cannot work. The message says for each reason what, why, and what to write instead. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super(refusals.map(toText).join('\n'));
    this.refusals = refusals;
  }
}

/**
 * Throws when one of `findings` is a refusal, with all of them in one message. Those whose code the context `allow`
 * names become warnings of the synthesis instead.
 *
 * @throws {RefusedError}
 */
export function refuse(scope: IConstruct, findings: Iterable<Refusal | undefined>): void {
  const allowed = allowedCodes(scope);
  const refused: Refusal[] = [];
  for (const finding of findings) {
    if (finding === undefined || refused.some(({ sentence }) => sentence === finding.sentence)) continue;
    if (finding.final || !allowed.has(finding.code)) refused.push(finding);
    else Validations.of(scope).addWarning(`budgetforce:${finding.code}`, `Allowed knowingly: ${finding.sentence}`);
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
    : `${sentence} (${source}; to deploy it all the same: --context ${ALLOW_CONTEXT}=${code})`;
}
