#!/usr/bin/env node
// Entry of `npm start`, `npm test`, `npm run bench` and `npm run bundle`: brings a fresh checkout to where its programs
// can run, then runs one. Plain JavaScript without dependencies, because nothing is installed yet.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const installStamp = path.join(modules, '.consilium-lock');
const buildStamps = path.join(modules, '.consilium-build');
// `unneeded`: workspaces that this program does not take from their build output; tests run from the sources.
const programs = {
  demo: { command: 'node', args: ['deploy/dist/demo/main.js'], unneeded: ['test'] },
  test: { command: 'vitest', args: ['run'], unneeded: ['test'] },
  bench: { command: 'node', args: ['test/dist/bench/main.js'], unneeded: [] },
  bundle: { command: 'node', args: ['deploy/dist/bundle/main.js'], unneeded: ['test'] },
};
const interrupted = 130;

/** Ends the bootstrap with one sentence. */
class Stop extends Error {
  constructor(sentence, code) {
    super(sentence);
    this.code = code;
  }
}

const say = (sentence) => process.stderr.write(`consilium: ${sentence}\n`);
const digest = (content) => createHash('sha256').update(content).digest('hex');
const readOrNull = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null);

function checkNode() {
  const { engines } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const [low, high] = engines.node.match(/\d+(?:\.\d+)?/g).map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  const lowest = String(low).split('.').map(Number);
  const oldEnough = major < high;
  const newEnough = major > lowest[0] || (major === lowest[0] && minor >= (lowest[1] ?? 0));
  if (oldEnough && newEnough) return;
  throw new Stop(`Node ${engines.node} is needed and this is Node ${process.versions.node}: install another Node.`, 2);
}

// One child at a time; it has the terminal, so Ctrl-C reaches it from there. Other signals are passed on.
let child = null;
let stopping = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopping ??= signal;
    // In a terminal the whole group has had SIGINT already; a second one would cut short the child's orderly end.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child?.kill(signal);
  });
}

/** Runs a program to its end. `capture` keeps its output instead of showing it. */
function run(command, args, { capture = false, env = {} } = {}) {
  if (stopping !== null) return Promise.resolve({ code: interrupted, output: '', missing: false });
  return new Promise((resolve) => {
    let output = '';
    const keep = (text) => (output = (output + text).slice(-20_000));
    child = spawn(command === 'node' ? process.execPath : command, args, {
      cwd: root,
      stdio: capture ? ['ignore', 'pipe', 'pipe'] : 'inherit',
      env: { ...process.env, ...env },
    });
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => {
      child = null;
      resolve({ code: 127, output: error.message, missing: error.code === 'ENOENT' });
    });
    child.once('close', (code, signal) => {
      child = null;
      resolve({ code: code ?? codeOfSignal(signal), output, missing: false });
    });
  });
}

const codeOfSignal = (signal) => ({ SIGINT: interrupted, SIGTERM: 143, SIGHUP: 129 })[signal] ?? 1;

async function install() {
  const wanted = digest(fs.readFileSync(path.join(root, 'package-lock.json')));
  if (readOrNull(installStamp) === wanted) return;
  if (installedByHand()) return void fs.writeFileSync(installStamp, wanted);
  say(fs.existsSync(modules) ? 'the lockfile changed: installing again.' : 'installing (once, a minute or two).');
  // npm ci empties the folder first, so the stamp of what was there goes with it even when it is interrupted.
  fs.rmSync(installStamp, { force: true });
  const began = Date.now();
  const beat = setInterval(() => say(`installing, ${Math.round((Date.now() - began) / 1000)} s so far.`), 15_000);
  const npm = npmCommand();
  const outcome = await run(npm.command, [...npm.args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    capture: true,
  }).finally(() => clearInterval(beat));
  stopIfInterrupted();
  if (outcome.code !== 0) throw new Stop(installSentence(outcome), 1);
  fs.writeFileSync(installStamp, wanted);
  say(`installed in ${Math.round((Date.now() - began) / 1000)} s.`);
}

/** npm lists what it installed when it has finished; that list is missing where it was interrupted. */
function installedByHand() {
  const listed = readOrNull(path.join(modules, '.package-lock.json'));
  if (listed === null) return false;
  const { packages: present } = JSON.parse(listed);
  const { packages: wanted } = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const external = Object.entries(wanted).filter(
    ([place]) => place.startsWith('node_modules/') || place.includes('/node_modules/'),
  );
  return external.every(([place, { version, integrity, optional, devOptional, peer, link }]) => {
    const found = present[place];
    if (found === undefined) return Boolean(optional || devOptional || peer);
    return link === true || (found.version === version && found.integrity === integrity);
  });
}

/** Under `npm start` npm says where it is; that spares a search of the PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js') && path.basename(cli).startsWith('npm') && fs.existsSync(cli))
    return { command: 'node', args: [cli] };
  return { command: 'npm', args: [] };
}

function installSentence({ missing, output }) {
  if (missing) return 'npm is not on the PATH: install Node together with npm.';
  if (/ENOSPC|no space left/i.test(output)) return 'the disk filled up during npm ci: make room and start again.';
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|network/i.test(output)) {
    return 'npm cannot reach its registry: connect to a network or configure npm for yours, and start again.';
  }
  const lines = output.split('\n').filter((line) => line.startsWith('npm error') && !line.includes('complete log'));
  const cause = lines.find((line) => !/^npm error code/.test(line)) ?? 'it gave no reason';
  return `npm ci failed: ${cause.replace(/^npm error /, '')}`;
}

const { workspaces: allWorkspaces } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const generated = new Set(['dist', 'node_modules', 'artefacts', 'coverage']);

/** Sizes and times of all sources: nothing is built when none changed, which spares the build tool's own start. */
function sourceState(workspaces) {
  const hash = createHash('sha256');
  const visit = (file) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) return void hash.update(`${file}\0${stat.size}\0${stat.mtimeMs}\n`);
    for (const name of fs.readdirSync(file).sort()) {
      if (!generated.has(name) && !name.startsWith('.') && !name.endsWith('.tsbuildinfo')) visit(path.join(file, name));
    }
  };
  for (const name of [...workspaces, 'package-lock.json', 'tsconfig.base.json', 'nx.json'])
    visit(path.join(root, name));
  return hash.digest('hex');
}

async function build(unneeded) {
  const workspaces = allWorkspaces.filter((name) => !unneeded.includes(name));
  const stamp = `${buildStamps}-${digest(workspaces.join()).slice(0, 8)}`;
  const state = sourceState(workspaces);
  const unbuilt = workspaces.filter((name) => !fs.existsSync(path.join(root, name, 'dist')));
  if (unbuilt.length === 0 && readOrNull(stamp) === state) return;
  // Where the output was deleted by hand, the compiler would still believe its notes and write nothing.
  for (const name of unbuilt) fs.rmSync(path.join(root, name, 'tsconfig.tsbuildinfo'), { force: true });
  say('building.');
  const began = Date.now();
  const outcome = await run(
    'node',
    [binOf('nx'), 'run-many', '-t', 'build', '-p', workspaces.join(), '--outputStyle=static'],
    {
      capture: true,
      env: { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' },
    },
  );
  stopIfInterrupted();
  if (outcome.code !== 0) {
    process.stderr.write(outcome.output);
    throw new Stop('the build failed, see above.', 1);
  }
  fs.writeFileSync(stamp, state);
  say(`built in ${((Date.now() - began) / 1000).toFixed(1)} s.`);
}

/** The script behind a package's command; the links in .bin are no scripts on every platform. */
function binOf(name) {
  const { bin } = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'));
  return path.join(modules, name, typeof bin === 'string' ? bin : bin[name]);
}

/** Never fatal: without the native engine the programs say themselves what they cannot do. */
async function setUpEngine() {
  const outcome = await run('node', ['client-node/dist/engine/setup/main.js']);
  stopIfInterrupted();
  if (outcome.code !== 0) say('the engine set-up ended early; going on without it.');
}

function stopIfInterrupted() {
  if (stopping !== null) throw new Stop('interrupted; the next start goes on from here.', codeOfSignal(stopping));
}

async function start(name, rest) {
  const program = programs[name];
  if (program === undefined)
    throw new Stop(`expected ${Object.keys(programs).join(', ')}, got ${name ?? 'nothing'}.`, 2);
  checkNode();
  await install();
  await build(program.unneeded);
  await setUpEngine();
  const { command, args } = program;
  const { code } = await run('node', [...(command === 'node' ? [] : [binOf(command)]), ...args, ...rest]);
  return code;
}

const [name, ...rest] = process.argv.slice(2);
try {
  process.exitCode = await start(name, rest);
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = error.code;
}
