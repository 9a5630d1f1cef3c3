import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Ways to other machines that Node and our dependencies have. */
const NETWORK = ['http', 'https', 'http2', 'net', 'tls', 'dgram', 'dns']
  .flatMap((name) => [name, `node:${name}`, `${name}/promises`, `node:${name}/promises`])
  .concat(['socket.io-client', 'engine.io-client', 'tus-js-client', 'https-proxy-agent', 'undici', 'ws']);
const onlyByTheGate = (name) => ({
  name,
  message: 'What leaves a site goes by its egress gate (client-node/src/egress).',
});

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.consilium/**', 'test/artefacts/**'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Typed-array code reads elements that the loop's bounds guarantee.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      'max-lines': ['error', { max: 320, skipBlankLines: false }],
    },
  },
  {
    // What leaves a hospital goes by the gate: only the transport behind it may speak to anyone. Set-up and doctor run for a
    // person, and know no volume.
    files: ['client-node/src/**/*.ts'],
    ignores: [
      'client-node/src/agent/transport/{route,upload,control-socket}.ts',
      'client-node/src/engine/{doctor,setup/stock-binary}.ts',
      'client-node/src/**/*.spec.ts',
    ],
    rules: {
      'no-restricted-globals': ['error', ...['fetch', 'WebSocket', 'XMLHttpRequest', 'EventSource'].map(onlyByTheGate)],
      'no-restricted-imports': ['error', { paths: NETWORK.map(onlyByTheGate), patterns: ['undici/*', 'axios', 'got'] }],
    },
  },
  {
    // The site's own page listens on this machine, and may ask nobody either.
    files: ['client-node/src/page/site-page.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ...NETWORK.filter((name) => name !== 'node:http').map(onlyByTheGate),
            { ...onlyByTheGate('node:http'), importNames: ['default', 'request', 'get', 'Agent', 'ClientRequest'] },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.{mjs,js}'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', setTimeout: 'readonly', URL: 'readonly', fetch: 'readonly' },
    },
  },
);
