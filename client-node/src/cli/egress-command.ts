import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../agent/clock.js';
import { requireEnrolment } from '../agent/enrolment.js';
import { SiteKey } from '../agent/identity.js';
import { EgressLog, readEgressLog, type EgressEntry } from '../egress/egress-log.js';
import { readPolicy, setPolicy, type PolicyInForce } from '../egress/egress-policy.js';
import { asFileFailure, errorText, NodeFailure } from '../settings/failure.js';
import { nodeHome, settingsFromProcess, type NodeHome } from '../settings/node-settings.js';
import { printJson, renderTable } from './console.js';
import { withHome } from './options.js';

type Flags = Record<string, unknown>;

export function addEgressCommands(program: Command): void {
  const egress = program
    .command('egress')
    .description('what leaves this site: its own policy, and every decision by it');
  withHome(egress.command('log'))
    .description('the decisions, newest last, once the whole log has been verified')
    .option('--last <n>', 'how many (default 50)')
    .option('--refused', 'only what was stopped')
    .option('--json', 'print the entries as JSON')
    .action(showLog);
  withHome(egress.command('policy'))
    .description('what may leave, as JSON; saved to a file and edited, it can be set')
    .option('--set <file>', "sign the policy in this file with the site's key; in force for what starts from then on")
    .option('--json', 'print the policy with its digest and where it comes from')
    .action(showPolicy);
  withHome(egress.command('explain'))
    .description('one decision in full')
    .argument('<index>', 'of its entry in the log')
    .option('--json', 'print the entry as JSON')
    .action(explain);
}

async function showLog(flags: Flags): Promise<void> {
  const last = countOf(flags['last'] ?? 50);
  const shown: EgressEntry[] = [];
  let count = 0;
  for await (const entry of readEgressLog(homeOf(flags).egressLog)) {
    count++;
    if (flags['refused'] === true && entry.objection === null) continue;
    shown.push(entry);
    if (shown.length > last) shown.shift();
  }
  if (flags['json'] === true) {
    printJson(shown);
    return;
  }
  const rows = shown.map(({ index, at, what, bytes, objection, digest }) => [
    String(index),
    at.slice(0, 19),
    what,
    String(bytes),
    digest?.slice(0, 12) ?? '',
    objection?.reason ?? 'passed',
  ]);
  const table = renderTable(['entry', 'at', 'what', 'bytes', 'SHA-256', 'decision'], rows);
  process.stdout.write(`${table}\n${count} entries, each with the hash of the one before\n`);
}

async function showPolicy(flags: Flags): Promise<void> {
  const home = homeOf(flags);
  const file = flags['set'];
  const inForce =
    typeof file === 'string'
      ? await putInForce(home, resolve(file))
      : await readPolicy(home, (await SiteKey.load(home.key))?.publicKey);
  if (flags['json'] === true) printJson(inForce);
  else if (typeof file === 'string') process.stdout.write(`Set: egress policy ${inForce.digest}\n`);
  else printJson(inForce.policy);
}

/** The change itself is a decision of this site's, and stands in its log. */
async function putInForce(home: NodeHome, file: string): Promise<PolicyInForce> {
  const { key } = await requireEnrolment(home);
  const inForce = await setPolicy(home, key.signer, await jsonIn(file));
  const { digest, isOwn } = inForce;
  await new EgressLog(home.egressLog, () => systemClock.now()).append({
    what: 'policy',
    way: 'none',
    digest: null,
    bytes: 0,
    objection: null,
    facts: {},
    policy: { digest, isOwn },
  });
  return inForce;
}

async function explain(index: string, flags: Flags): Promise<void> {
  const wanted = countOf(index);
  for await (const entry of readEgressLog(homeOf(flags).egressLog)) {
    if (entry.index !== wanted) continue;
    if (flags['json'] === true) printJson(entry);
    else process.stdout.write(`${entryText(entry)}\n`);
    return;
  }
  throw new NodeFailure('usage', `egress explain: expected the index of an entry in the log, got ${index}`);
}

function entryText({ index, at, what, way, bytes, digest, objection, facts, policy }: EgressEntry): string {
  const lines: [string, string | number | null][] = [
    ['entry', `${index} at ${at}`],
    ['what', what],
    ['way', way],
    ['content', digest === null ? 'none' : `${bytes} bytes, SHA-256 ${digest}`],
    ['decision', objection === null ? 'passed' : `stopped (${objection.reason}): ${objection.sentence}`],
    ['policy', `${policy.digest}${policy.isOwn ? '' : ' (the defaults)'}`],
    ...Object.entries(facts),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value ?? 'none'}`).join('\n');
}

async function jsonIn(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new NodeFailure('usage', `${file}: expected JSON (${errorText(error)})`, { cause: error });
    throw asFileFailure(error, `reading ${file}`);
  }
}

function homeOf(flags: Flags): NodeHome {
  return nodeHome(settingsFromProcess(flags).home);
}

function countOf(value: unknown): number {
  const count = Number(value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new NodeFailure('usage', `egress: expected a whole number, got ${String(value)}`);
}
