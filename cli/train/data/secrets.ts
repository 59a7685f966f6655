/**
 * Credentials by the forms that their issuers publish. The selection follows the rules of gitleaks (MIT licence,
 * https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml): those with a fixed beginning, which seldom match by chance.
 */
const patterns: readonly { readonly kind: string; readonly pattern: RegExp }[] = [
  { kind: 'AWS access key', pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/ },
  {
    kind: 'AWS secret key',
    pattern: /aws_?secret_?(?:access_?)?key["']?\s*[:=]\s*["']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])/i,
  },
  { kind: 'Bedrock API key', pattern: /\bABSK[A-Za-z0-9+/]{100,}={0,2}/ },
  { kind: 'private key', pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----\s*[A-Za-z0-9+/=:\s,-]{64}/ },
  { kind: 'GitHub token', pattern: /\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{82})\b/ },
  { kind: 'GitLab token', pattern: /\bglpat-[\w-]{20}/ },
  { kind: 'Hugging Face token', pattern: /\bhf_[A-Za-z]{34}\b/ },
  { kind: 'OpenAI key', pattern: /\bsk-(?:(?:proj|svcacct|admin)-)?[\w-]{20,}T3BlbkFJ[\w-]{20,}/ },
  { kind: 'Anthropic key', pattern: /\bsk-ant-[a-z]+\d{2}-[\w-]{80,}/ },
  { kind: 'Google API key', pattern: /\bAIza[\w-]{35}(?![\w-])/ },
  { kind: 'Slack token', pattern: /\bxox[abeoprs]-(?:\d{6,}-)?[0-9A-Za-z-]{20,}/ },
  { kind: 'Slack webhook', pattern: /\bhooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9+/]{40,}/ },
  { kind: 'Stripe key', pattern: /\b[sr]k_(?:live|prod|test)_[0-9A-Za-z]{10,}/ },
  { kind: 'SendGrid key', pattern: /\bSG\.[\w-]{22}\.[\w-]{43}/ },
  { kind: 'npm token', pattern: /\bnpm_[0-9A-Za-z]{36}\b/ },
  { kind: 'PyPI token', pattern: /\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}/ },
  { kind: 'Budgetforce key', pattern: /\bbf-[\w-]{32}(?![\w-])/ },
  { kind: 'JSON web token', pattern: /\bey[A-Za-z0-9_-]{17,}\.ey[A-Za-z0-9_-]{17,}\.[A-Za-z0-9_-]{10,}/ },
  {
    kind: 'password in a URL',
    pattern: /\b[a-z][a-z0-9+]{1,15}:\/\/[^\s:/@"'<>]{1,64}:[^\s:/@"'<>]{6,64}@[\w.-]+\.\w/i,
  },
];

/** Examples of documentation, such as AWS's AKIAIOSFODNN7EXAMPLE. */
const EXAMPLE = /EXAMPLE|x{6}|\*{4}|<[a-z-]+>|:password@|:\/\/user(?:name)?:/i;

/** Kinds of credentials in a text, each once. The values are not returned, so that they do not reach a log. */
export function secretsIn(text: string): readonly string[] {
  return patterns.flatMap(({ kind, pattern }) => {
    const all = text.matchAll(new RegExp(pattern, `${pattern.flags}g`));
    return [...all].some(([found]) => !EXAMPLE.test(found)) ? [kind] : [];
  });
}
