import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*/src/**/*.spec.{ts,tsx}', 'test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Specs that start servers, trainers or a browser need the cores that parallel files would take from them.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line-reporter.ts'],
  },
});
