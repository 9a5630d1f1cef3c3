import { createRequire } from 'node:module';

/**
 * A program of its own: loads one addon by its path, runs one 3D convolution and its filter gradient on known numbers,
 * and prints what it found. It dies alone if the addon is broken.
 */
interface Output {
  id: number;
}
interface Binding {
  createTensor(shape: number[], dtype: number, values: Float32Array | Int32Array): number;
  tensorDataSync(id: number): Float32Array;
  executeOp(name: string, attributes: object[], inputs: number[], outputs: number): Output[];
  isUsingGpuDevice(): boolean;
  TF_Version: string;
  TF_ATTR_TYPE: number;
  TF_ATTR_INT: number;
  TF_ATTR_STRING: number;
  TF_FLOAT: number;
  TF_INT32: number;
}

function main(file: string): void {
  const binding = createRequire(import.meta.url)(file) as Binding;
  const attributes = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'strides', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1, 1] },
    { name: 'padding', type: binding.TF_ATTR_STRING, value: 'VALID' },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NDHWC' },
    { name: 'dilations', type: binding.TF_ATTR_INT, value: [1, 1, 1, 1, 1] },
  ];
  const ones = (shape: number[]): number =>
    binding.createTensor(shape, binding.TF_FLOAT, new Float32Array(shape.reduce((a, b) => a * b)).fill(1));
  const input = ones([1, 4, 4, 4, 2]);
  const output = binding.executeOp('Conv3D', attributes, [input, ones([3, 3, 3, 2, 5])], 1)[0];
  // 3 x 3 x 3 taps of 2 channels, all ones.
  expectAll('conv3d', binding.tensorDataSync(output.id), 2 * 2 * 2 * 5, 54);
  const shape = binding.createTensor([5], binding.TF_INT32, Int32Array.of(3, 3, 3, 2, 5));
  const gradient = binding.executeOp('Conv3DBackpropFilterV2', attributes, [input, shape, ones([1, 2, 2, 2, 5])], 1)[0];
  // Each tap sees all 2 x 2 x 2 output voxels.
  expectAll('conv3d gradient', binding.tensorDataSync(gradient.id), 27 * 10, 8);
  const found = { tensorflow: binding.TF_Version, gpu: binding.isUsingGpuDevice() };
  process.stdout.write(`${JSON.stringify(found)}\n`);
}

function expectAll(what: string, values: Float32Array, count: number, expected: number): void {
  if (values.length !== count)
    throw new Error(`${what}: expected ${String(count)} values, got ${String(values.length)}`);
  const wrong = values.find((value) => Math.abs(value - expected) > 1e-3);
  if (wrong !== undefined) throw new Error(`${what}: expected ${String(expected)}, got ${String(wrong)}`);
}

main(process.argv[2] ?? '');
