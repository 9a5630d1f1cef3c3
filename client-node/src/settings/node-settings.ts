import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { DigestSchema, TransferEncoding } from '@consilium/shared';
import { Precision } from '../engine/precision.js';
import { errorText, NodeFailure } from './failure.js';
import { firstIssue } from './whole-file.js';

export const ServerUrl = z
  .url({ protocol: /^https?$/, error: 'expected a server URL such as https://consilium.example.org' })
  .transform((url) => url.replace(/\/+$/, ''));

const ProxyUrl = z.url({
  protocol: /^https?$/,
  error: 'expected the URL of a proxy such as http://proxy.example.org:3128',
});

const Yes = z.union([z.boolean(), z.stringbool()]);
const WholeNumber = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);

const Stride = z
  .string()
  .regex(/^[1-9]\d{0,3}(x[1-9]\d{0,3}){2}$/, 'expected three numbers of voxels such as 18x18x4')
  .transform((sides) => sides.split('x').map(Number) as [number, number, number]);

/** Everything that may differ between two nodes, parsed once per process. */
const NodeSettingsSchema = z.strictObject({
  home: z.string().min(1),
  server: ServerUrl.optional().describe('else the one that this node enrolled at'),
  data: z.string().min(1).optional().describe('folder with images/ and labels/'),
  validation: z
    .string()
    .min(1)
    .optional()
    .describe('folder with images/ and labels/; else validation/ of the data folder'),
  cache: z.string().min(1).optional().describe('resampled volumes; else cache/ of the home'),
  proxy: ProxyUrl.optional().describe('HTTP proxy that tunnels with CONNECT, for all that goes to the server'),
  httpsProxy: ProxyUrl.optional().describe('the same for a server with https only; HTTPS_PROXY sets it'),
  noProxy: z
    .union([z.array(z.string()), z.string().transform((list) => list.split(/[\s,]+/).filter((entry) => entry !== ''))])
    .default([])
    .describe('hosts that are reached without it; NO_PROXY sets it'),
  clientCertificate: z.string().min(1).optional().describe('PEM file, for a server that asks for one'),
  clientKey: z.string().min(1).optional().describe('PEM file, of that certificate'),
  caFile: z.string().min(1).optional().describe("PEM file with the certificate of your house's own CA"),
  encoding: z
    .enum(['auto', ...TransferEncoding.options])
    .default('auto')
    .describe('how updates travel; auto is the smallest that the study accepts'),
  acceptStudy: z
    .union([
      z.array(DigestSchema),
      z
        .string()
        .transform((list) => list.split(/[\s,]+/))
        .pipe(z.array(DigestSchema)),
    ])
    .default([])
    .describe('digests of studies that this site accepts before it has been offered them'),
  threads: WholeNumber(0, 1024).default(0).describe('0 leaves the number to the engine: every core'),
  seed: WholeNumber(0, 0xffffffff).default(0),
  memoryMegabytes: WholeNumber(64, 1_048_576).default(1024).describe('volumes beyond it are read again when needed'),
  cacheMegabytes: WholeNumber(0, 1_073_741_824)
    .default(51_200)
    .describe('resampled volumes on disk; at the start of a round those used longest ago go'),
  dataWorkers: WholeNumber(0, 64)
    .default(1)
    .describe('threads that load and augment volumes ahead of training; 0 leaves it to the one that trains'),
  checkpointSeconds: WholeNumber(1, 3600).default(30).describe('at most this much training is lost when the node dies'),
  pollSeconds: WholeNumber(1, 3600).default(30).describe('how often to ask for work should a wake-up be lost'),
  overlap: z.coerce
    .number()
    .min(0)
    .max(0.9)
    .default(0.5)
    .describe('of neighbouring windows when predicting, also in rounds; more is smoother and slower'),
  stride: Stride.optional().describe('voxels between windows, in place of an overlap; published: 18x18x4'),
  weighting: z.enum(['uniform', 'gaussian']).default('uniform').describe("of a window's voxels when predicting"),
  batch: WholeNumber(1, 64).default(1).describe('windows that go through the network together when predicting'),
  precision: Precision.default('float32').describe('of convolutions when training; bf16 where the processor has it'),
  allowJavascriptEngine: Yes.default(false).describe('train without TensorFlow: right, and 150 times slower'),
  tensorboardMegabytes: WholeNumber(0, 100_000)
    .default(16)
    .describe('figures of training and measuring kept for each study in tensorboard/ of the home; 0 writes none'),
  pagePort: WholeNumber(0, 65_535)
    .default(8410)
    .describe("of this site's own page, on 127.0.0.1; 0 takes any free one"),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  logFormat: z.enum(['text', 'json']).default('text'),
});
export type NodeSettings = z.infer<typeof NodeSettingsSchema>;

/** The settings in force and the paths that follow from them. */
export interface NodeHome {
  readonly root: string;
  readonly key: string;
  /** While it takes the place of the other. */
  readonly nextKey: string;
  readonly enrolment: string;
  readonly blobs: string;
  readonly rounds: string;
  /** What studies leave to each site, by study. */
  readonly local: string;
  readonly journal: string;
  /** Figures of training and measuring, by study. */
  readonly tensorboard: string;
  readonly newestModel: string;
  /** For this site's page: what the node is doing, and label maps by model. */
  readonly progress: string;
  readonly predictions: string;
  /** What the consortium tells its sites to use, and its models. */
  readonly releases: string;
  readonly released: string;
  /** What this site has seen of the server's log, and what the server has signed for its updates. */
  readonly witness: string;
  readonly receipts: string;
  /** What the server has offered, and what this site's people have said to it. */
  readonly studies: string;
  readonly consents: string;
  /** What may leave this site, by its own word, and every decision about it. */
  readonly egressPolicy: string;
  readonly egressLog: string;
}

export function nodeHome(root: string): NodeHome {
  return {
    root,
    key: join(root, 'site.key'),
    nextKey: join(root, 'site.key.next'),
    enrolment: join(root, 'enrolment.json'),
    blobs: join(root, 'blobs'),
    rounds: join(root, 'rounds'),
    local: join(root, 'local'),
    journal: join(root, 'journal.json'),
    tensorboard: join(root, 'tensorboard'),
    newestModel: join(root, 'newest-model.json'),
    progress: join(root, 'progress.json'),
    predictions: join(root, 'predictions'),
    releases: join(root, 'releases.json'),
    released: join(root, 'released'),
    witness: join(root, 'witness.json'),
    receipts: join(root, 'receipts'),
    studies: join(root, 'studies.json'),
    consents: join(root, 'consents.json'),
    egressPolicy: join(root, 'egress-policy.json'),
    egressLog: join(root, 'egress.log'),
  };
}

type Layer = Record<string, unknown>;
const KEYS = Object.keys(NodeSettingsSchema.shape) as (keyof NodeSettings)[];
const PATHS = ['data', 'validation', 'cache', 'caFile', 'clientCertificate', 'clientKey'] as const;
const CUSTOMARY = { httpsProxy: ['HTTPS_PROXY', 'https_proxy'], noProxy: ['NO_PROXY', 'no_proxy'] };
const ENVIRONMENT_PREFIX = 'CONSILIUM_NODE_';

export interface SettingSources {
  /** As commander gives them; undefined values and keys of other commands are ignored. */
  flags: Layer;
  environment: Readonly<Record<string, string | undefined>>;
  workingDirectory: string;
}

/** Flags over CONSILIUM_NODE_* over node.json in the home over defaults. Relative paths: node.json's from the home. */
export function resolveSettings(sources: SettingSources): NodeSettings {
  const flags = fromFlags(sources.flags);
  const environment = fromEnvironment(sources.environment);
  const home = resolve(
    sources.workingDirectory,
    text(flags['home']) ?? text(environment['home']) ?? join(homedir(), '.consilium', 'node'),
  );
  const layers = [
    withPaths(fromFile(home), home),
    withPaths(environment, sources.workingDirectory),
    withPaths(flags, sources.workingDirectory),
  ];
  const parsed = NodeSettingsSchema.safeParse({ ...layers.reduce(laidOver), home });
  if (!parsed.success) {
    throw new NodeFailure('usage', `the node's settings: ${firstIssue(parsed.error)}`);
  }
  return { ...parsed.data, cache: parsed.data.cache ?? join(home, 'cache') };
}

/** Stride and overlap say the same thing: a nearer one of either takes the place of a farther one of both. */
function laidOver(far: Layer, near: Layer): Layer {
  const { stride, ...rest } = far;
  return near['overlap'] === undefined || stride === undefined ? { ...far, ...near } : { ...rest, ...near };
}

export function settingsFromProcess(flags: Layer): NodeSettings {
  return resolveSettings({ flags, environment: process.env, workingDirectory: process.cwd() });
}

/** The environment that a child process inherits, with what its engine needs added. */
export function childEnvironment(additions: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...additions };
}

function fromFlags(flags: Layer): Layer {
  return Object.fromEntries(KEYS.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]));
}

function fromEnvironment(environment: SettingSources['environment']): Layer {
  const layer: Layer = {};
  // What every program honours comes first: a variable of the node's own wins over it.
  for (const [key, names] of Object.entries(CUSTOMARY)) {
    const value = names.map((name) => environment[name]).find((text) => text !== undefined && text !== '');
    if (value !== undefined) layer[key] = value;
  }
  for (const key of KEYS) {
    const value = environment[environmentName(key)];
    if (value !== undefined && value !== '') layer[key] = value;
  }
  return layer;
}

export function environmentName(key: keyof NodeSettings): string {
  return ENVIRONMENT_PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function fromFile(home: string): Layer {
  const path = join(home, 'node.json');
  if (!existsSync(path)) return {};
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    throw new NodeFailure('usage', `${path}: expected a JSON object with settings (${errorText(error)})`, {
      cause: error,
    });
  }
  throw new NodeFailure('usage', `${path}: expected a JSON object with settings`);
}

function withPaths(layer: Layer, base: string): Layer {
  const absolute = { ...layer };
  for (const key of PATHS) {
    const path = text(layer[key]);
    if (path !== undefined) absolute[key] = isAbsolute(path) ? path : resolve(base, path);
  }
  return absolute;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
