import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*/src/**/*.spec.{ts,tsx}', 'test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Specs that start servers, trainers or a browser need the cores that parallel files would take from them.
    maxWorkers: 2,
    // An embedded Postgres takes seconds to start, many on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
});
