import { expect, test } from 'vitest';
import { NodeFailure } from '../settings/failure.js';
import { StatusLog } from './console.js';
import { EXIT_CODES } from './exit-codes.js';
import { verdict } from './session.js';
import { statusLine, statusSentence } from './status-text.js';
import { volumesBar, volumesSentence } from './volume-progress.js';
import { silentLog } from '../agent/log.js';

test('every kind of failure has an exit code of its own', () => {
  expect(new Set(Object.values(EXIT_CODES)).size).toBe(Object.keys(EXIT_CODES).length);
  expect(verdict(new NodeFailure('disk-full', 'no room'))).toEqual({ code: 13, sentence: 'no room' });
  expect(verdict(new Error('broken')).code).toBe(1);
});

test('a terminal gets a bar, a log a sentence now and then', () => {
  const metrics = { loss: 0.5, supervised: null, unsupervised: null, cps: null, secondsPerStep: 1.25 };
  const training = { state: 'training', round: 2, done: 5, total: 20, metrics, dataWaitShare: 0.01 } as const;
  expect(statusLine(training)).toBe('round 2: training [######..................]  25 % 5/20, loss 0.500, 1.25 s/step');
  expect(statusSentence(training)).toBe('round 2: training 5/20, loss 0.500, 1.25 s/step');
  expect(statusSentence({ ...training, done: 20 })).toBe('');
  expect(statusSentence({ ...training, dataWaitShare: 0.2 })).toMatch(/1\.25 s\/step, 20 % of it waiting for data$/);
  expect(statusLine({ state: 'waiting' })).toBe('');

  const lines: string[] = [];
  let now = 0;
  const log = new StatusLog({ ...silentLog, info: (line) => lines.push(line) }, () => now);
  for (now = 0; now < 60_000; now += 1000) log.show(`at ${now}`);
  expect(lines).toEqual(['at 0', 'at 30000']);
});

test('a job over volumes is as far as its windows', () => {
  const progress = { done: 1, total: 4, metrics: null };
  expect(volumesBar(progress)).toBe('[######..................]  25 % 1 of 4 volumes');
  const within = { ...progress, windows: { done: 5, total: 10 } };
  expect(volumesBar(within)).toBe('[#########...............]  37 % volume 2 of 4, window 5 of 10');
  expect(volumesSentence(within)).toBe('volume 2 of 4, window 5 of 10');
});
