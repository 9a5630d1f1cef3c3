import { Random } from '@consilium/shared';
import { voxelCount, type Triple } from './volume.js';

/** How a scanner of one site draws: two sites show the same organ at different brightness, haze and grain. */
export interface ScannerLook {
  /** Intensity units per unit of tissue brightness, and of nothing. */
  readonly gain: number;
  readonly offset: number;
  /** Organs' brightness above the tissue around them. */
  readonly contrast: number;
  /** Of the smooth shading across the field, share of the brightness. */
  readonly bias: number;
  /** Standard deviation, in brightness. */
  readonly noise: number;
}

export interface Phantom {
  /** [x, y, z], z fastest, RAS. */
  readonly image: Float32Array;
  readonly label: Uint8Array;
  readonly shape: Triple;
}

interface Ellipsoid {
  /** Shares of the field of view, 0 to 1. */
  readonly centre: Triple;
  readonly radii: Triple;
  readonly value: number;
  /** 0 for what is no organ. */
  readonly label: number;
}

export function scannerLook(random: Random): ScannerLook {
  return {
    gain: random.uniform(150, 600),
    offset: random.uniform(0, 60),
    contrast: random.uniform(0.28, 0.5),
    bias: random.uniform(0.05, 0.2),
    noise: random.uniform(0.02, 0.05),
  };
}

/** Organs 1 to classes - 1, each a body with lobes at a place of its own, in textured tissue among look-alikes. */
export function drawPhantom(shape: Triple, classes: number, look: ScannerLook, random: Random): Phantom {
  const shapes = [...distractors(look, random), ...organs(classes, look, random)];
  const tissue = 0.35;
  const image = new Float32Array(voxelCount(shape));
  const label = new Uint8Array(image.length);
  fillEllipsoid(image, label, shape, { centre: [0.5, 0.5, 0.5], radii: [0.47, 0.45, 0.6], value: tissue, label: 0 });
  for (const ellipsoid of shapes) fillEllipsoid(image, label, shape, ellipsoid);
  addTexture(image, shape, random);
  shade(image, shape, look, random);
  return { image, label, shape };
}

/** Class c sits on its own part of a ring around the middle, so that place as well as brightness tells organs apart. */
function organs(classes: number, look: ScannerLook, random: Random): Ellipsoid[] {
  const list: Ellipsoid[] = [];
  for (let organ = 1; organ < classes; organ++) {
    const angle = (2 * Math.PI * (organ - 1)) / Math.max(1, classes - 1) + random.uniform(-0.25, 0.25);
    const ring = classes === 2 ? 0.08 : 0.2;
    const size = classes === 2 ? 0.23 : 0.8 * Math.min(0.17, ring * Math.sin(Math.PI / (classes - 1)) + 0.04);
    const centre: Triple = [
      0.5 + ring * Math.cos(angle) + random.uniform(-0.04, 0.04),
      0.5 + ring * Math.sin(angle) + random.uniform(-0.04, 0.04),
      0.5 + random.uniform(-0.05, 0.05),
    ];
    const radii = triple(() => size * random.uniform(0.8, 1.2));
    const value =
      0.35 + look.contrast * (1 - (0.5 * (organ - 1)) / Math.max(1, classes - 1)) + random.uniform(-0.03, 0.03);
    list.push({ centre, radii, value, label: organ });
    for (let lobe = random.below(3) + 2; lobe > 0; lobe--) {
      const away = unitVector(random);
      const at = centre.map((middle, axis) => middle + 0.85 * radii[axis] * away[axis]) as unknown as Triple;
      list.push({ centre: at, radii: triple(() => size * random.uniform(0.3, 0.55)), value, label: organ });
    }
  }
  return list;
}

/** As bright as an organ but smaller and near the rim; and darker holes. */
function distractors(look: ScannerLook, random: Random): Ellipsoid[] {
  return Array.from({ length: 6 }, (_, index) => {
    const angle = random.uniform(0, 2 * Math.PI);
    const bright = index % 2 === 0;
    return {
      centre: [0.5 + 0.36 * Math.cos(angle), 0.5 + 0.34 * Math.sin(angle), random.uniform(0.15, 0.85)],
      radii: triple(() => random.uniform(0.03, 0.08)),
      value: bright ? 0.35 + look.contrast * random.uniform(0.7, 1.1) : random.uniform(0.05, 0.2),
      label: 0,
    };
  });
}

function triple(draw: () => number): Triple {
  return [draw(), draw(), draw()];
}

function unitVector(random: Random): Triple {
  const [a, b, c] = triple(() => random.normal());
  const length = Math.hypot(a, b, c) || 1;
  return [a / length, b / length, c / length];
}

function fillEllipsoid(
  image: Float32Array,
  label: Uint8Array,
  shape: Triple,
  { centre, radii, ...fill }: Ellipsoid,
): void {
  const middle = centre.map((share, axis) => share * shape[axis] - 0.5);
  const reach = radii.map((share, axis) => Math.max(share * shape[axis], 0.5));
  const [x0, y0, z0] = middle.map((at, axis) => Math.max(0, Math.ceil(at - reach[axis]))) as [number, number, number];
  const [x1, y1, z1] = middle.map((at, axis) => Math.min(shape[axis] - 1, Math.floor(at + reach[axis]))) as [
    number,
    number,
    number,
  ];
  for (let x = x0; x <= x1; x++) {
    const dx = ((x - middle[0]) / reach[0]) ** 2;
    for (let y = y0; y <= y1; y++) {
      const dxy = dx + ((y - middle[1]) / reach[1]) ** 2;
      if (dxy > 1) continue;
      const half = Math.sqrt(1 - dxy) * reach[2];
      const row = (x * shape[1] + y) * shape[2];
      const from = row + Math.max(z0, Math.ceil(middle[2] - half));
      const to = row + Math.min(z1, Math.floor(middle[2] + half)) + 1;
      if (to <= from) continue;
      image.fill(fill.value, from, to);
      label.fill(fill.label, from, to);
    }
  }
}

/** Smooth random relief: values on a coarse lattice, linear in between. */
function addTexture(image: Float32Array, shape: Triple, random: Random): void {
  const step = 5;
  const [nx, ny, nz] = shape.map((side) => Math.ceil(side / step) + 2) as [number, number, number];
  const lattice = Float32Array.from({ length: nx * ny * nz }, () => 0.18 * random.uniform(-1, 1));
  const column = new Float32Array(nz);
  for (let x = 0; x < shape[0]; x++) {
    const [ix, fx] = [Math.floor(x / step), (x % step) / step];
    for (let y = 0; y < shape[1]; y++) {
      const [iy, fy] = [Math.floor(y / step), (y % step) / step];
      const [a, b] = [(ix * ny + iy) * nz, ((ix + 1) * ny + iy) * nz];
      for (let z = 0; z < nz; z++) {
        const near = lattice[a + z] * (1 - fx) + lattice[b + z] * fx;
        const far = lattice[a + nz + z] * (1 - fx) + lattice[b + nz + z] * fx;
        column[z] = near * (1 - fy) + far * fy;
      }
      const row = (x * shape[1] + y) * shape[2];
      for (let z = 0; z < shape[2]; z++) {
        const iz = Math.floor(z / step);
        const f = (z % step) / step;
        image[row + z] *= 1 + column[iz] * (1 - f) + column[iz + 1] * f;
      }
    }
  }
}

/** The coil's shading (a quadratic field), the receiver's noise, the site's scale. */
function shade(image: Float32Array, shape: Triple, look: ScannerLook, random: Random): void {
  const linear = triple(() => random.uniform(-1, 1));
  const square = triple(() => random.uniform(-1, 1));
  const field = (at: number, axis: number) => {
    const share = (2 * at) / shape[axis] - 1;
    return look.bias * (linear[axis] * share + square[axis] * share * share);
  };
  const alongZ = Float32Array.from({ length: shape[2] }, (_, z) => field(z, 2));
  for (let x = 0, i = 0; x < shape[0]; x++) {
    const alongX = field(x, 0);
    for (let y = 0; y < shape[1]; y++) {
      const base = 1 + alongX + field(y, 1);
      for (let z = 0; z < shape[2]; z++, i++) {
        const brightness = image[i] * (base + alongZ[z]) + look.noise * random.normal();
        image[i] = look.offset + look.gain * Math.max(0, brightness);
      }
    }
  }
}
