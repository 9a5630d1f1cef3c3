/** The architecture as rules: which part may import which. test/workspace/architecture.spec.ts proves that each of them fires. */
const only = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    only('no-cycles', 'data flows one way', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    only(
      'shared-stands-alone',
      'shared imports no other package',
      { path: '^shared/src' },
      { path: '^(verify|server|client-node|cli|dashboard|deploy|test|migrations)/' },
    ),
    only(
      'shared-is-pure',
      'shared knows no Nest, no socket, no file system, no tfjs',
      { path: '^shared/src', pathNot: '\\.spec\\.ts$' },
      {
        path: '^node_modules/(@nestjs|socket\\.io|@tensorflow|typeorm)|^(node:)?(fs|net|http|https|child_process|worker_threads)(/|$)',
      },
    ),
    only(
      'verify-trusts-nobody',
      'whoever verifies a server runs none of its code',
      { path: '^verify/src' },
      { path: '^(server|client-node|dashboard|deploy|test|migrations)/' },
    ),
    only(
      'verify-in-browsers',
      'what verifies a log knows no file system; only its command does',
      { path: '^verify/src/(?!cli/)', pathNot: '\\.spec\\.ts$' },
      { path: '^(node:)?(fs|net|http|https|child_process|worker_threads)(/|$)|^verify/src/cli/' },
    ),
    only(
      'server-not-node',
      'the server never imports the node',
      { path: '^server/src' },
      { path: '^(verify|client-node|cli|dashboard|deploy|test)/' },
    ),
    only(
      'testing-in-specs-only',
      'what serves tests is no part of the server',
      { path: '^server/src/(?!testing/)', pathNot: '\\.spec\\.ts$' },
      { path: '^server/src/testing/' },
    ),
    only(
      'node-not-server',
      'the node never imports the server',
      { path: '^client-node/src' },
      { path: '^(verify|server|cli|dashboard|deploy|test|migrations)/' },
    ),
    only(
      'dashboard-speaks-protocol',
      'the dashboard knows the server by protocol only',
      { path: '^dashboard/src' },
      { path: '^(server|client-node|deploy|test|migrations)/' },
    ),
    only(
      'operators-speak-protocol',
      "the operator's command line knows the server by protocol only",
      { path: '^cli/src' },
      { path: '^(server|client-node|dashboard|deploy|test|migrations)/' },
    ),
    only(
      'tensors-in-engine-and-crln',
      'tensor code lives only in engine and crln',
      { path: '^client-node/src/(?!engine|crln)' },
      { path: '^node_modules/@tensorflow' },
    ),
    only(
      'volumes-know-no-network',
      'reading volumes depends on no training',
      { path: '^client-node/src/volumes' },
      { path: '^client-node/src/(agent|trainer|cli|engine)/' },
    ),
    only(
      'engine-knows-no-method',
      'the engine serves any network',
      { path: '^client-node/src/engine' },
      { path: '^client-node/src/(crln|volumes|trainer|agent|cli)/' },
    ),
    only(
      'cli-on-top',
      'nothing imports the command line',
      { path: '^client-node/src/(?!cli|index)' },
      { path: '^client-node/src/cli/' },
    ),
  ],
  options: {
    // Not `exclude`: an excluded dist/ would hide imports between packages, which resolve to it.
    doNotFollow: { path: 'node_modules|/dist/' },
    includeOnly:
      '^(shared|verify|server|client-node|cli|dashboard|deploy|test|migrations)/|^node_modules/|^(node:)?(fs|net|http|https|child_process|worker_threads)',
    exclude: { path: '/dist/.*\\.spec\\.' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
    },
  },
};
