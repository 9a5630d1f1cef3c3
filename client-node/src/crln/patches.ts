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

/** A batch as cut from the volumes; a site without labelled volumes gives none. */
export interface CrlnBatch {
  readonly labelled?: LabelledPatches | undefined;
  readonly unlabelled?: UnlabelledPatches | undefined;
}

/** Unlabelled patches with all done that does not wait for the teacher's labels. */
export interface PreparedUnlabelled extends UnlabelledPatches {
  /** The strong views' images [b, h, w, d, c]; `image` holds what the teacher sees. */
  readonly strong: Float32Array;
  /** For each column [b, h, w] of the strong views: the column of `image` whose labels it carries, -1 = ignored. */
  readonly columns: Int32Array;
}

/** A batch ready for the networks: augmented and normalised, on whatever thread. */
export interface PreparedBatch {
  readonly prepared: true;
  readonly labelled?: LabelledPatches | undefined;
  readonly unlabelled?: PreparedUnlabelled | undefined;
}
