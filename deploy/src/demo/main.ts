import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { decide, nodeHome, requireEnrolment } from '@consilium/client-node';
import { Command, InvalidArgumentError } from 'commander';
import { OperatorClient, type StudyView } from '@consilium/shared';
import { FederationError, federationKey, readFederation, writePhantomFederation, type DemoSite } from './federation.js';
import { ChildFailed, Processes } from './processes.js';
import { demoReport, renderReport } from './report.js';
import { DemoHome } from './state.js';
import { demoStudy } from './study.js';
import { watchStudy } from './watch.js';

const DEFAULT_PORT = 8400;
const DEFAULT_SITES = 3;
const EXIT_INTERRUPTED = 130;
/** Paths are meant from where the user typed `npm start`, which npm itself leaves. */
const LAUNCHED_FROM = process.env['INIT_CWD'] ?? process.cwd();

interface Options {
  rounds?: number;
  sites?: number;
  seed: number;
  data?: string;
  study?: string;
  port?: number;
  home: string;
  json?: string;
  exit?: boolean;
  new?: boolean;
}

const whole = (low: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < low)
    throw new InvalidArgumentError(`expected a whole number of at least ${low}, got ${text}`);
  return value;
};

const program = new Command('npm start --')
  .description('Starts a server and hospitals on this machine and trains one model together.')
  .option('--rounds <n>', 'rounds to train (default 6 with generated volumes, 8 with --data)', whole(1))
  .option('--sites <n>', `hospitals (default ${DEFAULT_SITES} with generated volumes, all with --data)`, whole(1))
  .option('--seed <n>', 'seed of generated volumes and of the first model', whole(0), 0)
  .option('--data <dir>', 'real volumes: one site folder (images/, labels/) per hospital, test/ for measuring')
  .option('--study <file>', 'JSON with study settings that replace the built-in ones')
  .option('--port <n>', `first port to try (default ${DEFAULT_PORT})`, whole(1))
  .option('--home <dir>', 'where the demo keeps its state', join(LAUNCHED_FROM, '.consilium/demo'))
  .option('--new', 'start a new study even where the last one is unfinished')
  .option('--exit', 'end after the last round instead of leaving the server up')
  .option('--json <file>', 'write the results as JSON');

async function main(options: Options): Promise<void> {
  const stop = new AbortController();
  const say = (line: string) => process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[2K' : ''}${line}\n`);
  const status = (line: string) =>
    process.stdout.isTTY && process.stdout.write(`\r\x1b[2K${line.slice(0, process.stdout.columns - 1)}`);
  const directory = options.data === undefined ? undefined : resolve(LAUNCHED_FROM, options.data);
  const home = new DemoHome(join(resolve(options.home), federationKey(directory, options.sites, options.seed)));
  const federation =
    directory === undefined
      ? await writePhantomFederation(home.phantoms, options.sites ?? DEFAULT_SITES, options.seed)
      : readFederation(directory, options.sites);

  const processes = new Processes(home.logs, say);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));
  try {
    const client = await startServer(processes, home, options, say);
    await startNodes(processes, home, federation, client);
    const study = await openStudy(client, federation, options);
    await acceptStudy(home, federation, study);
    await start(client, study);
    const evaluators = federation.filter(
      (site) => site.role === 'observer' || existsSync(join(site.data, 'validation')),
    ).length;
    const started = Date.now();
    const watched = await watchStudy({ client, studyId: study.id, evaluators, say, status, signal: stop.signal });
    const report = demoReport(watched.study, watched.rounds, await client.sites(), (Date.now() - started) / 1000);
    say(renderReport(report));
    if (watched.study.state !== 'finished')
      say(`The study is ${watched.study.state}: ${watched.study.reason ?? 'no reason given'}`);
    if (options.json !== undefined)
      writeFileSync(resolve(LAUNCHED_FROM, options.json), `${JSON.stringify(report, null, 2)}\n`);
    process.exitCode = watched.study.state === 'finished' ? 0 : 1;
    if (options.exit !== true) await stayUp(client.url, say, stop.signal);
  } finally {
    await processes.stop();
  }
}

async function startServer(
  processes: Processes,
  home: DemoHome,
  options: Options,
  say: (line: string) => void,
): Promise<OperatorClient> {
  const port = options.port ?? home.port ?? DEFAULT_PORT;
  const { name, password } = home.operator;
  const url = await processes.startServer(
    ['serve', '--port', String(port), '--next-free-port', '--home', home.serverHome],
    {
      CONSILIUM_OPERATOR_NAME: name,
      CONSILIUM_OPERATOR_PASSWORD: password,
    },
  );
  home.rememberPort(Number(new URL(url).port));
  say(`Dashboard: ${url} (log in as ${name} with ${password})`);
  const client = new OperatorClient(url, home.operator);
  await client.logIn();
  return client;
}

async function startNodes(
  processes: Processes,
  home: DemoHome,
  federation: DemoSite[],
  client: OperatorClient,
): Promise<void> {
  const trainers = federation.filter((site) => site.role === 'trainer').length;
  const threads = Math.max(1, Math.floor(cpus().length / trainers));
  for (const site of federation) {
    const folder = home.nodeHome(site.name);
    if (!home.isEnrolled(site.name)) {
      await client.admit(
        site.name,
        (code) => enrolNode(processes, { name: site.name, home: folder, url: client.url, code }),
        site.role,
      );
      home.rememberEnrolment(site.name);
    }
    processes.startNode(site.name, [
      '--home',
      folder,
      '--data',
      site.data,
      '--server',
      client.url,
      '--threads',
      String(threads),
    ]);
  }
}

/** The node makes its key itself; its fingerprint is what a hospital would read out. */
async function enrolNode(
  processes: Processes,
  node: { name: string; home: string; url: string; code: string },
): Promise<{ id: string; fingerprint: string }> {
  await processes.node(node.name, ['enrol', node.url, node.code, '--home', node.home]);
  const { enrolment, key } = await requireEnrolment(nodeHome(node.home));
  return { id: enrolment.siteId, fingerprint: key.fingerprint };
}

/** What each hospital's people would do with "consilium-node studies accept", once they have read the settings. */
async function acceptStudy(home: DemoHome, federation: DemoSite[], { digest }: StudyView): Promise<void> {
  for (const site of federation) await decide(nodeHome(home.nodeHome(site.name)), digest, 'accepted', new Date());
}

async function start(client: OperatorClient, { id, state }: StudyView): Promise<void> {
  if (state === 'draft') await client.setStudy(id, 'start');
  if (state === 'paused') await client.setStudy(id, 'resume');
}

/** The unfinished study goes on; otherwise there is a new one, from the last one's model if there is one. */
async function openStudy(client: OperatorClient, federation: DemoSite[], options: Options): Promise<StudyView> {
  const studies = (await client.studies()).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  const last = studies.at(-1);
  if (last !== undefined && (last.state === 'running' || last.state === 'paused')) {
    if (options.new !== true) return last;
    await client.setStudy(last.id, 'stop');
  }
  const model =
    last === undefined || options.new === true
      ? undefined
      : (await client.models(last.id)).sort((a, b) => a.version - b.version).at(-1);
  return client.createStudy(
    demoStudy({
      phantoms: options.data === undefined,
      trainers: federation.filter((site) => site.role === 'trainer').length,
      seed: options.seed,
      rounds: options.rounds,
      studyFile: options.study,
      earlier: studies.length,
      continueFrom: model?.blob.digest,
    }),
  );
}

async function stayUp(url: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  say(`The server stays up at ${url}. Ctrl-C ends it; npm start goes on from here.`);
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}

program.parse();
try {
  await main(program.opts<Options>());
} catch (error) {
  if (error instanceof Error && error.name === 'AbortError') process.exitCode = EXIT_INTERRUPTED;
  else if (error instanceof FederationError || error instanceof ChildFailed) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  } else throw error;
}
