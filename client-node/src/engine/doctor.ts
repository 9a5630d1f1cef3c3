import os from 'node:os';
import type { EngineSettings } from './engine-settings.js';
import type { DoctorItem, DoctorReport, DoctorStatus } from './doctor-report.js';
import { engineExaminer, type EngineExamination, type ExamineEngine } from './engine-examination.js';
import { LARGEST_GRADIENT_ERROR } from './self-test.js';
import { examineServer } from './server-examination.js';
import { freeBytes, type FreeBytes } from './setup/disk-space.js';

export interface DoctorOptions {
  settings: EngineSettings;
  /** Environment that the engine's process inherits. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Folder whose disk is looked at: the node's home. */
  folder: string;
  /** Server's URL; without it, clock and reachability are left out. */
  server?: string | undefined;
  // Replaced in tests:
  examine?: ExamineEngine;
  free?: FreeBytes;
  fetch?: typeof globalThis.fetch;
  now?: () => number;
}

/** Looks at everything a node needs to train in a federation. Never throws for what it finds. */
export async function diagnose(options: DoctorOptions): Promise<DoctorReport> {
  const { settings, environment, folder, server } = options;
  const examine = options.examine ?? engineExaminer(environment);
  const [engine, disk, reached] = await Promise.all([
    examine(settings),
    diskItem(folder, options.free ?? freeBytes),
    server === undefined ? [] : examineServer(server, options.fetch ?? fetch, options.now ?? Date.now),
  ]);
  const items = [...engineItems(engine), coresItem(settings), disk, ...reached];
  const status = items.some((item) => item.status === 'fail') ? 'fail' : worstOfPassing(items);
  return { status, items };
}

function worstOfPassing(items: readonly DoctorItem[]): DoctorStatus {
  return items.some((item) => item.status === 'warn') ? 'warn' : 'ok';
}

function engineItems(engine: EngineExamination | { failed: string }): DoctorItem[] {
  if ('failed' in engine) {
    const sentence = `No engine works: ${engine.failed}. Run \`consilium-node engine setup\`.`;
    return [{ name: 'engine', status: 'fail', value: null, sentence }];
  }
  const { name, tensorflow, device, trainable, refusal } = engine;
  return [
    { name: 'engine', status: trainable ? 'ok' : 'fail', value: name, sentence: refusal ?? `${name} computes.` },
    {
      name: 'tensorflow',
      status: tensorflow === null ? 'warn' : 'ok',
      value: tensorflow,
      sentence: tensorflow === null ? 'No TensorFlow: plain JavaScript computes.' : `TensorFlow ${tensorflow}.`,
    },
    { name: 'device', status: 'ok', value: device, sentence: `Operations run on the ${device.toUpperCase()}.` },
    gradientItem(engine),
    speedItem(engine),
  ];
}

function gradientItem({ gradient }: EngineExamination): DoctorItem {
  const error = gradient.relativeError;
  const right = error <= LARGEST_GRADIENT_ERROR;
  const found = `Analytic and numeric derivative differ by ${error.toExponential(1)}`;
  return {
    name: 'gradient',
    status: right ? 'ok' : 'fail',
    value: error,
    sentence: right
      ? `${found}.`
      : `${found}, more than ${String(LARGEST_GRADIENT_ERROR)}: this engine must not train.`,
  };
}

/** Below this a round of the usual size outlasts the usual deadline. */
const slowGigaflops = 20;

function speedItem({ gigaflops }: EngineExamination): DoctorItem {
  const figure = gigaflops < 10 ? gigaflops.toFixed(2) : gigaflops.toFixed(0);
  const slow = gigaflops < slowGigaflops;
  return {
    name: 'speed',
    status: slow ? 'warn' : 'ok',
    value: gigaflops,
    sentence: `A 3D convolution with its gradients runs at ${figure} GFLOP/s${slow ? ': training will be slow' : ''}.`,
  };
}

function coresItem({ threads }: EngineSettings): DoctorItem {
  const cores = os.availableParallelism();
  const over = threads > cores;
  return {
    name: 'cores',
    status: over ? 'warn' : 'ok',
    value: cores,
    sentence: `${count(cores, 'core')}, ${count(threads, 'thread')}${over ? ': fewer threads would be faster' : ''}.`,
  };
}

const count = (number: number, noun: string): string => `${String(number)} ${noun}${number === 1 ? '' : 's'}`;

async function diskItem(folder: string, free: FreeBytes): Promise<DoctorItem> {
  const name = 'disk';
  try {
    const bytes = await free(folder);
    const figure = `${(bytes / 1e9).toFixed(1)} GB are free in ${folder}`;
    if (bytes < 1e9) return { name, status: 'fail', value: bytes, sentence: `Only ${figure}: make room.` };
    if (bytes < 5e9) return { name, status: 'warn', value: bytes, sentence: `Only ${figure}.` };
    return { name, status: 'ok', value: bytes, sentence: `${figure}.` };
  } catch {
    return {
      name,
      status: 'fail',
      value: null,
      sentence: `${folder} cannot be read: create it or choose another home.`,
    };
  }
}
