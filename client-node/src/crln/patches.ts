/** Batches of patches on the host, C order, the last axis fastest. */

/** [batch, height, width, depth] */
export type PatchShape = readonly [number, number, number, number];

export interface UnlabelledPatches {
  /** [b, h, w, d, c] */
  readonly image: Float32Array;
  readonly shape: PatchShape;
}

export interface LabelledPatches extends UnlabelledPatches {
  /** Class of every voxel [b, h, w, d]. */
  readonly label: Int32Array;
}

export interface PseudoLabelled extends UnlabelledPatches {
  /** The teacher's class of every voxel [b, h, w, d]; -1 = ignored. */
  readonly label: Int32Array;
  /** The teacher's probability of that class [b, h, w, d], 0 where ignored. */
  readonly confidence: Float32Array;
}
