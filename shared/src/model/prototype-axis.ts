/**
 * The axis of a tensor along which the R prototypes of a class are numbered, or null.
 *
 * Prototype r of every class is read by kernel r of the depthwise convolution, whose map is input r of the pointwise one; and
 * cooperative positive supervision adds its mean to channel r of the representation. So the numbering is free, but only
 * all at once: the same permutation along all these axes, for all classes, gives a network with the same outputs and losses.
 */
export function prototypeAxis(name: string): number | null {
  for (const [pattern, axis] of AXES) if (pattern.test(name)) return axis;
  return null;
}

const AXES: readonly (readonly [RegExp, number])[] = [
  [/^prototypes$/, 1],
  [/^prior\.(class_means|class_spread|prototype_support)$/, 1],
  [/^dim\.\d\.depthwise\.weight$/, 4],
  [/^dim\.\d\.depthwise_norm\./, 0],
  [/^dim\.\d\.pointwise\.weight$/, 3],
  [/\.represent\.out\.weight$/, 4],
  [/\.represent\.out\.bias$/, 0],
];
