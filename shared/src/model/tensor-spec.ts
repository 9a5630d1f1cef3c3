/** How a tensor starts. `fanIn` counts the inputs that one output sums over. */
export type Init =
  | { readonly as: 'zeros' }
  | { readonly as: 'ones' }
  /** Normal with variance 2 / fanIn (He et al. 2015), for what a ReLU follows. */
  | { readonly as: 'he'; readonly fanIn: number }
  /** Uniform within 1 / sqrt(fanIn) of 0: linear layers and biases. */
  | { readonly as: 'uniform'; readonly fanIn: number };

/**
 * weight: trained by gradients. statistic: batch norm's running moments. prototype: CRLN's learned prototypes.
 * scalar: mu. prior: class means of representations with their spread and support, and the prototypes' support: measured
 * rather than trained.
 */
export type TensorKind = 'weight' | 'statistic' | 'prototype' | 'scalar' | 'prior';

/** One float32 tensor of a model. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: TensorKind;
  readonly init: Init;
}

type Shape3 = readonly [number, number, number];

const weight = (name: string, shape: readonly number[], init: Init): TensorSpec => ({
  name,
  shape,
  kind: 'weight',
  init,
});
const volume = (kernel: Shape3): number => kernel[0] * kernel[1] * kernel[2];

const ZEROS: Init = { as: 'zeros' };
const ONES: Init = { as: 'ones' };

/** Kernel [kh, kw, kd, in, out] and, unless left out, bias [out]. */
export function conv(
  name: string,
  kernel: Shape3,
  inputs: number,
  outputs: number,
  { bias = true }: { bias?: boolean } = {},
): TensorSpec[] {
  const fanIn = volume(kernel) * inputs;
  const specs = [weight(`${name}.weight`, [...kernel, inputs, outputs], { as: 'he', fanIn })];
  return bias ? [...specs, weight(`${name}.bias`, [outputs], { as: 'uniform', fanIn })] : specs;
}

/** Kernel [kh, kw, kd, out, in] and bias [out]; stride 2, so an output voxel sums over an eighth of the kernel. */
export function transposedConv(name: string, kernel: Shape3, inputs: number, outputs: number): TensorSpec[] {
  const fanIn = Math.max(1, volume(kernel) / 8) * inputs;
  return [
    weight(`${name}.weight`, [...kernel, outputs, inputs], { as: 'he', fanIn }),
    weight(`${name}.bias`, [outputs], { as: 'uniform', fanIn }),
  ];
}

/** Matrix [in, out] and bias [out]. */
export function linear(name: string, inputs: number, outputs: number): TensorSpec[] {
  const init: Init = { as: 'uniform', fanIn: inputs };
  return [weight(`${name}.weight`, [inputs, outputs], init), weight(`${name}.bias`, [outputs], init)];
}

/** Scale and shift of a layer norm over `size` values. */
export function layerNorm(name: string, size: number): TensorSpec[] {
  return [weight(`${name}.weight`, [size], ONES), weight(`${name}.bias`, [size], ZEROS)];
}

/** Scale, shift and running moments of a batch norm. */
export function batchNorm(name: string, channels: number): TensorSpec[] {
  return [
    ...layerNorm(name, channels),
    { name: `${name}.running_mean`, shape: [channels], kind: 'statistic', init: ZEROS },
    { name: `${name}.running_var`, shape: [channels], kind: 'statistic', init: ONES },
  ];
}
