// The dependency rules of docs/architecture.md, type imports included. `npm run lint` checks them;
// test/dependency-rules.test.ts plants one forbidden import per rule.

/** A file of `from` may import only what `allowed` lists, and its own room. */
const only = (name, comment, from, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: [from, ...allowed] },
});

/** A file of `from` may not import any of `forbidden`. */
const never = (name, comment, from, forbidden, except = []) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: forbidden, ...(except.length > 0 && { pathNot: except }) },
});

const anyRoom = '^(bin|cli|lambda|lib|local|simulate|evaluate|plan|training|web|package|bench)/';

/** Files with types and no behaviour, which the core may name. */
const tokenizerTypes = '^lambda/tokenizer/tokenizer\\.ts$';
const upstreamTypes = '^lambda/upstream/segment-model\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Files do not import each other in a circle. Move what both need to a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    only('policy-is-pure', 'policy imports nothing: pass values in.', '^lambda/policy/', []),
    only('forcing-is-pure', 'forcing imports only types of tokenizer.', '^lambda/forcing/', [tokenizerTypes]),
    never('upstream-is-ground', 'upstream imports no other room.', '^lambda/upstream/', anyRoom, ['^lambda/upstream/']),
    never('tokenizer-is-ground', 'tokenizer imports no other room.', '^lambda/tokenizer/', anyRoom, [
      '^lambda/tokenizer/',
    ]),
    never('storage-is-ground', 'storage imports no other room.', '^lambda/storage/', anyRoom, ['^lambda/storage/']),
    never('cli-root-is-ground', 'The files at the root of cli import no other room.', '^cli/[^/]+$', anyRoom, [
      '^cli/[^/]+$',
    ]),
    never('formats', 'formats imports forcing, tokenizer, and types of upstream.', '^lambda/formats/', anyRoom, [
      '^lambda/(formats|forcing|tokenizer)/',
      upstreamTypes,
    ]),
    never('generation', 'generation never imports apis or http.', '^lambda/generation/', '^lambda/(apis|http)/'),
    never('apis', 'apis never imports openapi, admin or aws.', '^lambda/apis/', '^lambda/(openapi|admin|aws)/'),
    never('lambda', 'lambda runs alone: it imports no other top-level folder.', '^lambda/', anyRoom, ['^lambda/']),
    never('simulate', 'simulate imports only policy and metric names of lambda.', '^simulate/', '^lambda/', [
      '^lambda/policy/',
      '^lambda/scaling/scaling-metrics\\.ts$',
    ]),
    ...floors('lib', ['facts', 'checks', 'serving', 'endpoint', '(api|background|monitoring|training|retrieval)']),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(test|dist|cdk\\.out|node_modules)/' },
  },
};

/** Each floor imports only itself and the floors before it. */
function floors(room, names) {
  return names.slice(0, -1).map((name, index) => ({
    name: `${room}-${name}`,
    comment: `${names.join(' ← ')}: ${name} imports no floor after it.`,
    severity: 'error',
    from: { path: `^${room}/${name}/` },
    to: { path: names.slice(index + 1).map((later) => `^${room}/${later}/`) },
  }));
}
