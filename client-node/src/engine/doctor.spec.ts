import { PROTOCOL_VERSION } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { diagnose, type DoctorOptions } from './doctor.js';
import { renderReport, type DoctorItem } from './doctor-report.js';
import type { EngineExamination } from './engine-examination.js';
import { engineSettings } from './engine-settings.js';
import { KernelOps } from './kernel-ops.js';
import { checkGradient, LARGEST_GRADIENT_ERROR, measureConvolution } from './self-test.js';

const healthy: EngineExamination = {
  name: '@tensorflow/tfjs-node',
  tensorflow: '2.21.0',
  device: 'cpu',
  trainable: true,
  refusal: null,
  gradient: { analytic: 1, numeric: 1.0001, relativeError: 1e-4 },
  gigaflops: 120,
};
const noon = Date.parse('2030-01-01T12:00:00Z');

function options(changes: Partial<DoctorOptions> = {}): DoctorOptions {
  return {
    settings: engineSettings({}, { threads: 1 }),
    environment: {},
    folder: '/home/site',
    examine: () => Promise.resolve(healthy),
    free: () => Promise.resolve(50e9),
    now: () => noon,
    ...changes,
  };
}

const answering =
  (body: object | string, status = 200, headers: Record<string, string> = {}): typeof fetch =>
  () =>
    Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers }));

const health = { status: 'ok', version: '0.1.0', protocolVersion: PROTOCOL_VERSION, time: '2030-01-01T12:00:00.000Z' };
const item = (items: readonly DoctorItem[], name: string): DoctorItem => items.find((each) => each.name === name)!;

describe('diagnose', () => {
  it('finds a healthy node healthy, one line per item', async () => {
    const report = await diagnose(options({ server: 'http://server.test', fetch: answering(health) }));
    expect(report.status).toBe('ok');
    expect(report.items.map(({ name }) => name)).toEqual([
      ...['engine', 'tensorflow', 'device', 'gradient', 'speed', 'cores', 'disk', 'server', 'clock'],
    ]);
    const text = renderReport(report).split('\n');
    expect(text).toHaveLength(9);
    expect(text[4]).toBe('ok    speed       A 3D convolution with its gradients runs at 120 GFLOP/s.');
  });

  it.each([
    ['engine', { examine: () => Promise.resolve({ failed: 'signal SIGSEGV' }) }, /No engine works: signal SIGSEGV/],
    ['engine', examined({ trainable: false, refusal: 'Install g++.' }), /Install g\+\+/],
    ['gradient', examined({ gradient: { analytic: 1, numeric: 2, relativeError: 0.5 } }), /must not train/],
    ['disk', { free: () => Promise.resolve(5e8) }, /Only 0\.5 GB are free .* make room/],
    ['disk', { free: () => Promise.reject(new Error('ENOENT')) }, /cannot be read/],
    ['server', asked(() => Promise.reject(refused())), /does not answer: nothing listens there/],
    ['server', asked(answering('<html>', 200)), /not as a Consilium server/],
    ['server', asked(answering({ ...health, protocolVersion: 999 })), /speaks protocol 999, this node \d+: update/],
    ['clock', asked(answering({ ...health, time: '2030-01-01T11:58:00.000Z' })), /120\.0 s ahead of the server/],
  ] as const)('fails for %s with a sentence', async (name, changes, sentence) => {
    const report = await diagnose(options(changes));
    expect(report.status).toBe('fail');
    expect(item(report.items, name)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(sentence) as string,
    });
  });

  it.each([
    ['speed', examined({ gigaflops: 0.9 }), /0\.90 GFLOP\/s: training will be slow/],
    ['tensorflow', examined({ tensorflow: null }), /plain JavaScript/],
    ['cores', { settings: engineSettings({}, { threads: 1000 }) }, /1000 threads: fewer/],
    ['disk', { free: () => Promise.resolve(3e9) }, /Only 3\.0 GB/],
    ['clock', asked(answering({ ...health, time: '2030-01-01T12:00:10.000Z' })), /10\.0 s behind the server.*NTP/],
  ] as const)('warns for %s with a sentence', async (name, changes, sentence) => {
    const report = await diagnose(options(changes));
    expect(report.status).toBe('warn');
    expect(item(report.items, name)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(sentence) as string,
    });
  });

  it('reads the clock from the Date header of a server that does not state its time', async () => {
    const rest = { ...health, time: undefined };
    const fetch = answering(rest, 200, { date: 'Tue, 01 Jan 2030 11:59:30 GMT' });
    const { items } = await diagnose(options({ server: 'http://server.test/', fetch }));
    expect(item(items, 'clock')).toMatchObject({ value: 30, status: 'warn' });
  });
});

it('the self-test agrees with itself on the JavaScript engine, and leaves nothing behind', async () => {
  const ops = await KernelOps.open();
  expect(checkGradient(ops).relativeError).toBeLessThan(LARGEST_GRADIENT_ERROR);
  expect(measureConvolution(ops, 4, 2, 1)).toBeGreaterThan(0);
  expect(ops.tensorCount()).toBe(0);
});

function examined(changes: Partial<EngineExamination>): Partial<DoctorOptions> {
  return { examine: () => Promise.resolve({ ...healthy, ...changes }) };
}

function asked(fetch: typeof globalThis.fetch): Partial<DoctorOptions> {
  return { server: 'http://server.test', fetch };
}

function refused(): Error {
  return Object.assign(new TypeError('fetch failed'), {
    cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  });
}
