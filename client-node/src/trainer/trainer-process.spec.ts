import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SurveyJob } from './messages.js';
import { TrainerProcess } from './trainer-process.js';

const JOB: SurveyJob = { kind: 'survey', data: '/data', validation: null, needsTraining: true };
const SURVEY = { engine: 'fake', card: { labelled: 1, unlabelled: 2, validation: 3 }, findings: [] };

let folder: string;
let notes: string[];
let trainer: TrainerProcess;

/** A child whose answer to a job is the given statement; `times` counts the processes that there were before it. */
function childThat(statement: string): TrainerProcess {
  const entry = join(folder, 'child.mjs');
  writeFileSync(
    entry,
    `import { appendFileSync, existsSync, readFileSync } from 'node:fs';
     const count = ${JSON.stringify(join(folder, 'count'))};
     const times = existsSync(count) ? readFileSync(count).length : 0;
     appendFileSync(count, 'x');
     const answer = (message) => process.send(message);
     process.on('message', ({ type, id }) => { ${statement} });`,
  );
  return new TrainerProcess({
    environment: {},
    trainer: {
      threads: 1,
      cache: folder,
      memoryMegabytes: 100,
      cacheMegabytes: 100,
      dataWorkers: 0,
      checkpointSeconds: 1,
      inference: { overlap: 0.5, stride: null, weighting: 'uniform', batch: 1 },
      precision: 'float32',
      allowJavascriptEngine: true,
    },
    onNote: (_, sentence) => notes.push(sentence),
    entry,
  });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'consilium-trainer-'));
  notes = [];
});
afterEach(async () => {
  await trainer.close();
  rmSync(folder, { recursive: true, force: true });
});

const done = `answer({ type: 'done', id, result: ${JSON.stringify(SURVEY)} });`;

test('one process serves many jobs and reports their progress', async () => {
  trainer = childThat(`answer({ type: 'progress', id, progress: { done: 1, total: 2, metrics: null } }); ${done}`);
  const progress: number[] = [];
  const options = { onProgress: (p: { done: number }) => progress.push(p.done) };
  expect(await trainer.run(JOB, options)).toEqual(SURVEY);
  expect(await trainer.run(JOB, options)).toEqual(SURVEY);
  expect(progress).toEqual([1, 1]);
});

test('a process that dies is started once more with the same job', async () => {
  trainer = childThat(`if (times === 0) { console.error('illegal instruction'); process.exit(7); } ${done}`);
  expect(await trainer.run(JOB)).toEqual(SURVEY);
  expect(notes).toEqual(['the trainer process ended (exit code 7); it is started again: illegal instruction']);
});

test('a process that dies twice is a failure with its last words', async () => {
  trainer = childThat(`process.kill(process.pid, 'SIGKILL');`);
  await expect(trainer.run(JOB)).rejects.toThrow('the trainer process ended twice during survey (SIGKILL)');
  trainer = childThat(done);
  expect(await trainer.run(JOB)).toEqual(SURVEY);
});

test('a failure keeps its kind, and an abort ends with the caller’s reason', async () => {
  trainer = childThat(`answer({ type: 'failed', id, kind: 'disk-full', sentence: 'no room' });`);
  await expect(trainer.run(JOB)).rejects.toMatchObject({ kind: 'disk-full', message: 'no room' });
  await trainer.close();
  trainer = childThat(`if (type === 'abort') answer({ type: 'aborted', id });`);
  const abort = new AbortController();
  const running = trainer.run(JOB, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('replaced')), 100);
  await expect(running).rejects.toThrow('replaced');
});
