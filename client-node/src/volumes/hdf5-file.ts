import { access, constants } from 'node:fs/promises';
import type { Dataset, File as Hdf5File } from 'h5wasm/node';
import { errorText } from '../settings/failure.js';
import { VolumeError, type NativeVolume, type Triple } from './volume.js';

/** Loaded on first use: a megabyte of WebAssembly that a NIfTI site never needs. */
let library: Promise<typeof import('h5wasm/node')> | undefined;

async function hdf5() {
  library ??= import('h5wasm/node').then(async (loaded) => {
    // Without this the C library prints its error stack to stderr and opens nothing.
    (await loaded.ready).activate_throwing_error_handler();
    return loaded;
  });
  return library;
}

/**
 * The layout of the LA and Pancreas benchmarks: datasets `image` and `label` [x, y, z] in one file per case.
 * They carry no orientation, and a spacing only where someone added the attribute. Throws VolumeError.
 */
export async function readHdf5(path: string, dataset: 'image' | 'label'): Promise<NativeVolume> {
  return withFile(path, (file, { Dataset }) => {
    const found = file.keys().includes(dataset) ? file.get(dataset) : null;
    if (!(found instanceof Dataset)) {
      throw new VolumeError(
        'no-such-dataset',
        `expected a dataset "${dataset}", found ${file.keys().join(', ') || 'none'}`,
      );
    }
    return volumeOf(found, spacingOf([found, file]));
  });
}

export async function hdf5HasLabel(path: string): Promise<boolean> {
  return withFile(path, (file) => file.keys().includes('label'));
}

async function withFile<T>(path: string, use: (file: Hdf5File, loaded: typeof import('h5wasm/node')) => T): Promise<T> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw new VolumeError('missing', `cannot be opened (${errorText(error)})`, { cause: error });
  }
  const loaded = await hdf5();
  let file: Hdf5File | undefined;
  try {
    file = new loaded.File(path, 'r');
    return use(file, loaded);
  } catch (error) {
    if (error instanceof VolumeError) throw error;
    const truncated = /truncated|addr overflow/.test(errorText(error));
    throw truncated
      ? new VolumeError('truncated', 'cut short', { cause: error })
      : new VolumeError('unreadable', 'expected an HDF5 file, found something else or a damaged one', { cause: error });
  } finally {
    file?.close();
  }
}

function volumeOf(dataset: Dataset, spacing: Triple | null): NativeVolume {
  const sides = [...(dataset.shape ?? [])];
  while (sides.length > 3 && sides[0] === 1) sides.shift();
  if (sides.length !== 3) {
    throw new VolumeError('not-three-dimensional', `expected 3 dimensions, got ${sides.length} (${sides.join(' x ')})`);
  }
  const values = dataset.value;
  if (!ArrayBuffer.isView(values) || values instanceof DataView) {
    throw new VolumeError('unsupported-type', 'expected one number per voxel, got another type');
  }
  const shape = sides as unknown as Triple;
  const [a, b, c] = spacing ?? [1, 1, 1];
  return {
    image: toFloat32(values),
    shape,
    spacing,
    orientation: 'RAS',
    dtype: values.constructor.name.replace('Array', '').toLowerCase(),
    geometry: { shape, affine: [a, 0, 0, 0, 0, b, 0, 0, 0, 0, c, 0], affineCode: 0, spacingKnown: spacing !== null },
    notes: ['an HDF5 file says no orientation; its axes are taken as right, anterior, superior'],
  };
}

function toFloat32(values: ArrayLike<number> | BigInt64Array | BigUint64Array): Float32Array {
  if (values instanceof Float32Array) return values;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float32Array.from(values, Number);
  return new Float32Array(values);
}

/** Millimetres, from an attribute `spacing` of the dataset or of the file. */
function spacingOf(holders: readonly (Dataset | Hdf5File)[]): Triple | null {
  for (const holder of holders) {
    const attributes: Partial<typeof holder.attrs> = holder.attrs;
    const value = attributes['spacing']?.value;
    if (!ArrayBuffer.isView(value) || value instanceof DataView) continue;
    const spacing = Array.from(value as unknown as ArrayLike<number>, Number);
    if (spacing.length === 3 && spacing.every((size) => Number.isFinite(size) && size > 0)) {
      return spacing as unknown as Triple;
    }
  }
  return null;
}
