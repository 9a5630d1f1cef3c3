import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Of the rules about the network, those that this text breaks in the place of a file of the node's. */
async function networkRulesBrokenBy(file: string, text: string): Promise<(string | null)[]> {
  const results = await new ESLint({ cwd: root }).lintText(text, { filePath: resolve(root, 'client-node/src', file) });
  const messages = results.flatMap((result) => result.messages);
  expect(messages.filter(({ fatal }) => fatal)).toEqual([]);
  return messages.map(({ ruleId }) => ruleId).filter((rule) => rule?.startsWith('no-restricted-') === true);
}

test('A16 code of the node that would send anything around the egress gate does not pass the linter', async () => {
  const around = [
    "import { request } from 'node:http';",
    "import { connect } from 'node:tls';",
    "import { io } from 'socket.io-client';",
    "import { Upload } from 'tus-js-client';",
    "export const all = [request, connect, io, Upload, fetch('https://example.org'), new WebSocket('wss://example.org')];",
  ].join('\n');
  const broken = await networkRulesBrokenBy('trainer/train-job.ts', around);
  expect(broken.sort()).toEqual([
    ...Array<string>(2).fill('no-restricted-globals'),
    ...Array<string>(4).fill('no-restricted-imports'),
  ]);
  expect(await networkRulesBrokenBy('agent/transport/route.ts', "import 'node:http';\n")).toEqual([]);
  expect(await networkRulesBrokenBy('page/site-page.ts', "import { createServer } from 'node:http';\n")).toEqual([]);
  const asking = "import { request } from 'node:http';\nimport { connect } from 'node:net';\n";
  expect(await networkRulesBrokenBy('page/site-page.ts', asking)).toHaveLength(2);
});
