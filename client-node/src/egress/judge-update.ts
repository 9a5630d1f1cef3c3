import {
  admitContainer,
  ChangeSketch,
  CLASS_MEANS,
  CLASS_SPREAD,
  CLASS_SUPPORT,
  float32Values,
  modelTensors,
  normRefusal,
  PROTOTYPE_SUPPORT,
  type ContainerHeader,
  type NamedTensors,
  type TensorSpec,
} from '@consilium/shared';
import type { EgressPolicy, TensorRule } from './egress-policy.js';
import { trainedOnObjection, type Judged, type TrainedOn } from './judge-message.js';
import { objection, objectionOf, shown, type Objection } from './objection.js';
import { readUpdate, type OutgoingUpdate } from './read-update.js';

type UpdatePolicy = EgressPolicy['update'];

interface Models {
  tensors: NamedTensors;
  base: NamedTensors;
  specs: readonly TensorSpec[];
}

/**
 * Holds an update to the policy, by the very bytes that would travel. Nothing that the trainer says of them counts: names,
 * shapes, norm and support are read from them. Only for what it was trained on there is nothing but its word.
 */
export async function judgeUpdate(update: OutgoingUpdate, trained: TrainedOn, policy: UpdatePolicy): Promise<Judged> {
  const { encoding, blob, base: before, wire } = update;
  const facts: Judged['facts'] = {
    encoding,
    base: before.digest,
    model: blob.digest,
    modelBytes: blob.bytes,
    ...trained,
  };
  const stopped = (against: Objection): Judged => ({ objection: against, facts });
  const few = trainedOnObjection(trained, policy);
  if (few !== null) return stopped(few);
  const bytes = Math.max(wire.length, blob.bytes);
  if (bytes > policy.maximumBytes)
    return stopped(objection('too-large', `expected at most ${policy.maximumBytes} bytes, got ${bytes}`));
  const read = await readUpdate(update);
  if ('reason' in read) return stopped(read);
  const { header, tensors, base } = read;
  const specs = modelTensors(update.model);
  const misfit = tensorObjection(header, policy) ?? studyObjection(header, specs) ?? valueObjection(tensors);
  if (misfit !== null) return stopped(misfit);
  const models = { tensors, base, specs };
  const { norm, against } = changeOf(models, policy);
  Object.assign(facts, { tensors: tensors.size, norm });
  return { objection: against ?? statisticsObjection(models, policy) ?? supportObjection(models, policy), facts };
}

/** Each tensor by name, dtype and room; what the study wants does not count here. */
function tensorObjection({ entries }: ContainerHeader, { tensors, dtypes }: UpdatePolicy): Objection | null {
  for (const { name, dtype, shape } of entries) {
    const rules = tensors.filter(({ names }) => names.some((pattern) => isNamed(name, pattern)));
    const what = `tensor ${shown(name)}`;
    if (rules.length === 0) return objection('tensor-unexpected', `${what}: expected a name of the policy, got none`);
    if (!dtypes.some((allowed) => allowed === dtype))
      return objection('wrong-dtype', `${what}: expected ${dtypes.join(' or ')}, got ${dtype}`);
    if (!rules.some((rule) => hasRoom(rule, shape)))
      return objection(
        'wrong-shape',
        `${what}: expected a shape that the policy has room for, got [${shape.join(', ')}]`,
      );
  }
  return null;
}

/** `*` in a pattern stands for any characters. */
function isNamed(name: string, pattern: string): boolean {
  const [first, ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - at >= last.length && name.endsWith(last);
}

function hasRoom({ shapes }: TensorRule, shape: readonly number[]): boolean {
  return shapes.some((room) => room.length === shape.length && room.every((side, axis) => shape[axis] <= side));
}

/** Exactly the tensors of the study, each of its shape. */
function studyObjection(header: ContainerHeader, specs: readonly TensorSpec[]): Objection | null {
  const refusal = admitContainer(header, specs);
  return refusal === null ? null : objectionOf(refusal);
}

function valueObjection(tensors: NamedTensors): Objection | null {
  for (const [name, tensor] of tensors) {
    const at = float32Values(tensor).findIndex((value) => !Number.isFinite(value));
    if (at >= 0) return objection('not-finite', `tensor ${shown(name)}: expected finite values, got another at ${at}`);
  }
  return null;
}

function changeOf(models: Models, { maximumNorm }: UpdatePolicy): { norm: number; against: Objection | null } {
  const sketch = new ChangeSketch();
  for (const { name, kind } of models.specs)
    if (kind !== 'statistic' && kind !== 'prior') sketch.add(own(models, name), former(models, name));
  const change = sketch.finish();
  const refusal = normRefusal(change, maximumNorm);
  return { norm: change.norm, against: refusal === null ? null : objectionOf(refusal) };
}

function statisticsObjection(models: Models, { statistics }: UpdatePolicy): Objection | null {
  if (statistics === 'share') return null;
  for (const { name, kind } of models.specs) {
    if (kind !== 'statistic') continue;
    const before = former(models, name);
    if (own(models, name).some((value, i) => value !== before[i]))
      return objection('statistics-withheld', `tensor ${shown(name)}: expected the base's values, got the site's own`);
  }
  return null;
}

/** A prototype that too few voxels stand behind is the base's, and a class mean nothing. */
function supportObjection(models: Models, { minimumSupport }: UpdatePolicy): Objection | null {
  const before = former(models, 'prototypes');
  const rows: { name: string; support: string; silent: (i: number) => number }[] = [
    { name: 'prototypes', support: PROTOTYPE_SUPPORT, silent: (i) => before[i] },
    { name: CLASS_MEANS, support: CLASS_SUPPORT, silent: () => 0 },
    { name: CLASS_SPREAD, support: CLASS_SUPPORT, silent: () => 0 },
  ];
  for (const { name, support, silent } of rows) {
    const voxels = own(models, support);
    const values = own(models, name);
    const row = values.length / voxels.length;
    const at = values.findIndex(
      (value, i) => value !== silent(i) && Math.round(voxels[Math.floor(i / row)]) < minimumSupport,
    );
    if (at < 0) continue;
    const place = Math.floor(at / row);
    const got = `row ${place} of ${name} with ${voxels[place]}`;
    return objection(
      'too-little-support',
      `expected at least ${minimumSupport} labelled voxels behind each, got ${got}`,
    );
  }
  return null;
}

function own({ tensors }: Models, name: string): Float32Array {
  return float32Values(tensors.get(name)!);
}

function former({ base }: Models, name: string): Float32Array {
  return float32Values(base.get(name)!);
}
