import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeContainer, initialModel, StudyManifest } from '@consilium/shared';
import { Command } from 'commander';
import * as ort from 'onnxruntime-web';
import { afterAll, expect, test } from 'vitest';
import { addExportCommand } from './export-command.js';

const folder = mkdtempSync(join(tmpdir(), 'consilium-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const study = StudyManifest.parse({ name: 'left atrium', model: { width: 2, prototypes: 2, patch: [16, 16, 16] } });
const container = encodeContainer(initialModel(study.model, 1));
const [model, studyFile, out] = ['model.safetensors', 'study.json', 'model.onnx'].map((name) => join(folder, name));
writeFileSync(model, container);
writeFileSync(studyFile, JSON.stringify(study));

function run(...args: string[]): Promise<Command> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addExportCommand(program);
  return program.parseAsync(['export', '--home', join(folder, 'home'), '--json', ...args], { from: 'user' });
}

test('a file and its study become a file that another runtime opens, with its origin in it', async () => {
  await run('--model', model, '--study', studyFile, '-o', out);
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(out));
  expect(session.inputMetadata).toMatchObject([{ name: 'image', shape: ['windows', 1, 16, 16, 16] }]);
  expect(session.outputMetadata).toMatchObject([{ name: 'probabilities', shape: ['windows', 2, 16, 16, 16] }]);
  await session.release();
  const digest = createHash('sha256').update(container).digest('hex');
  expect(readFileSync(out, 'latin1')).toContain(digest);
});

test('a SavedModel is a folder, written as a whole and never over another', async () => {
  const saved = join(folder, 'saved');
  const asSavedModel = ['--model', model, '--study', studyFile, '--format', 'saved-model', '-o', saved];
  await run(...asSavedModel);
  expect(readdirSync(saved).sort()).toEqual(['consilium.json', 'saved_model.pb']);
  expect(JSON.parse(readFileSync(join(saved, 'consilium.json'), 'utf8'))).toMatchObject({
    'consilium.model': createHash('sha256').update(container).digest('hex'),
    'consilium.class_names': study.classNames,
  });
  await expect(run(...asSavedModel)).rejects.toThrow(`${saved}: expected a folder that does not exist yet`);
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('what is not a model of the study is refused, and nothing is written', async () => {
  const other = join(folder, 'other.json');
  const none = join(folder, 'none.onnx');
  writeFileSync(other, JSON.stringify({ ...study, model: { ...study.model, width: 4 } }));
  await expect(run('--model', model, '--study', other, '-o', none)).rejects.toThrow(
    /expected \[3, 3, 3, 1, 4\], got \[3, 3, 3, 1, 2\]/,
  );
  await expect(run('--model', studyFile, '--study', studyFile, '-o', none)).rejects.toThrow(
    /Container: expected a header/,
  );
  await expect(run('--model', model, '--study', studyFile, '-o', model)).rejects.toThrow(/is the model itself/);
  await expect(run('--model', model, '--study', studyFile, '-o', none, '--format', 'h5')).rejects.toThrow(/onnx/);
  expect(existsSync(none)).toBe(false);
});
