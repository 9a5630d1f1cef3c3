import { createInterface } from 'node:readline';
import { CrlnTrainer } from '@consilium/client-node/dist/crln/index.js';
import { prepareBatch } from '@consilium/client-node/dist/crln/augmentation.js';
import { EVALUATION, share, TEACHING, type Pass } from '@consilium/client-node/dist/crln/layers/layer.js';
import { labelPlanes } from '@consilium/client-node/dist/crln/losses/class-planes.js';
import { segmentationLoss } from '@consilium/client-node/dist/crln/losses/segmentation-loss.js';
import { SeededDropping } from '@consilium/client-node/dist/crln/seeded-dropping.js';
import { vnet } from '@consilium/client-node/dist/crln/vnet.js';
import { Momentum, Weights } from '@consilium/client-node/dist/crln/weights.js';
import { openEngine } from '@consilium/client-node/dist/engine/open-engine.js';
import { engineSettings } from '@consilium/client-node/dist/engine/engine-settings.js';
import type { Ops } from '@consilium/client-node/dist/engine/ops.js';
import { precisionRefusal, type Precision } from '@consilium/client-node/dist/engine/precision.js';
import type { Tensor } from '@consilium/client-node/dist/engine/tensor.js';
import { initialModel, ModelSettings, modelTensors, Random, TrainingSettings } from '@consilium/shared';

/** The first line that this process reads; each further line names one of the task's works, which is then measured once. */
export interface TrainRequest {
  /** Works: `step`; of crln also `passes`, the V-Net's part of a step; of peak `product`. */
  task: 'vnet' | 'crln' | 'peak';
  patch: [number, number, number];
  batch: number;
  width: number;
  precision: Precision;
  threads: number;
  device: 'cpu' | 'gpu' | 'auto';
}

export interface TrainMeasure {
  seconds: number;
  cpuSeconds: number;
  peakBytes: number;
  residentBytes: number;
  /** Live handles of the engine. */
  tensors: number;
}

type Works = Record<string, () => void>;

const PEAK_SIDE = 2048;

/** As a layer sees it: [b, h, w, d, ...] of a ball in noise. */
function ballIn(patch: readonly [number, number, number], batch: number) {
  const [h, w, d] = patch;
  const random = Random.from(1, 'bench');
  const label = Int32Array.from({ length: batch * h * w * d }, (_, i) => {
    const [x, y, z] = [Math.floor(i / (w * d)) % h, Math.floor(i / d) % w, i % d];
    return Number((x / h - 0.5) ** 2 + (y / w - 0.5) ** 2 + (z / d - 0.5) ** 2 < 0.1);
  });
  const image = Float32Array.from(label, (c) => 0.4 * c + 0.2 * random.normal());
  return { image, label, shape: [batch, h, w, d] as [number, number, number, number] };
}

/** The backbone with its two heads by itself, in a precision. */
function backboneOf(ops: Ops, { patch, width, precision }: TrainRequest) {
  const settings = ModelSettings.parse({ patch, width });
  const weights = Weights.load(ops, modelTensors(settings), initialModel(settings, 1));
  const backbone = vnet(ops, weights);
  const forward = (image: Float32Array, shape: readonly number[], pass: Pass) => {
    const single = ops.fromHost(image, [...shape, 1]);
    if (precision === 'float32') return backbone.forward(single, pass);
    const narrow = ops.cast(single, 'bfloat16');
    ops.dispose(single);
    return backbone.forward(narrow, pass);
  };
  return { settings, weights, forward };
}

/** 1/2 (cross entropy + Dice) of the logits + mean of the representation, then Nesterov's momentum. */
function vnetWorks(ops: Ops, request: TrainRequest): Works {
  const { settings, weights, forward } = backboneOf(ops, request);
  const momentum = new Momentum(ops, weights);
  const { image, label, shape } = ballIn(request.patch, request.batch);
  const values = label.length * settings.prototypes;
  const slope = ops.fromHost(new Float32Array(values).fill(1 / values), [...shape, settings.prototypes]);
  const step = () => {
    const forwarded = forward(image, shape, { statistics: 'batch', gradient: true });
    const { logits, representation, levels } = forwarded;
    const loss = ops.tidy(() => segmentationLoss(ops, logits, labelPlanes(ops, label, settings.classes), 0.5));
    ops.dispose(logits, representation!, ...levels);
    forwarded.backward({ logits: loss.dLogits, representation: share(ops, slope), levels: [null, null] });
    momentum.apply({ learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 });
    ops.toHost(loss.dice);
    ops.dispose(loss.crossEntropy, loss.dice, loss.logOwn);
  };
  return { step };
}

function crlnWorks(ops: Ops, request: TrainRequest): Works {
  const { settings, weights, forward } = backboneOf(ops, request);
  const training = TrainingSettings.parse({ warmUpSteps: 0 });
  const random = Random.from(2, 'bench');
  const tensors = initialModel(settings, 1);
  const trainer = CrlnTrainer.create(
    { ops, model: settings, training, totalSteps: 100_000, random, precision: request.precision },
    tensors,
  );
  const patches = ballIn(request.patch, request.batch);
  const { image, shape } = patches;
  const batch = prepareBatch({ labelled: patches, unlabelled: { image, shape } }, random);
  let steps = 0;
  const dropping = new SeededDropping(random, training.dropPath);
  const trainPass = () => {
    const forwarded = forward(image, shape, { statistics: 'batch', gradient: true, dropping });
    const { logits, representation, levels } = forwarded;
    ops.dispose(...levels);
    forwarded.backward({ logits, representation: representation!, levels: [null, null] });
  };
  const pass = (kind: Pass) => {
    const { logits, representation, levels } = forward(image, shape, kind);
    ops.dispose(logits, ...levels, ...(representation === null ? [] : [representation]));
  };
  return {
    step: () => void trainer.step(batch, steps++),
    // Student on labelled and on unlabelled patches, teacher, and the student once more for mu.
    passes: () => {
      trainPass();
      trainPass();
      pass(TEACHING);
      pass(EVALUATION);
      for (const parameter of weights.parameters()) parameter.clearGradient();
    },
  };
}

/** What the machine multiplies at best: a product of matrices that fit the cache by tiles. */
function peakWorks(ops: Ops, { precision }: TrainRequest): Works {
  const values = ops.fromHost(new Float32Array(PEAK_SIDE ** 2).fill(0.5), [PEAK_SIDE, PEAK_SIDE]);
  const matrix: Tensor = precision === 'bf16' ? ops.cast(values, 'bfloat16') : values;
  const product = () => {
    ops.tidy(() => ops.toHost(ops.slice(ops.matMul(matrix, matrix), [0, 0], [1, 1])));
  };
  return { product };
}

const TASKS = { vnet: vnetWorks, crln: crlnWorks, peak: peakWorks };

async function* measures(lines: AsyncIterator<string>): AsyncGenerator<object> {
  const request = JSON.parse((await lines.next()).value as string) as TrainRequest;
  const { device, threads } = request;
  const engine = await openEngine(engineSettings({}, { device, threads }));
  const refusal = engine.refusal ?? precisionRefusal(request.precision, engine);
  if (refusal !== null) throw new Error(refusal);
  const works = TASKS[request.task](engine.ops, request);
  for (const work of Object.values(works)) work();
  yield { ready: true, engine: engine.description.name };
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    works[line.value]();
    const { user, system } = process.cpuUsage(cpu);
    yield {
      seconds: (performance.now() - start) / 1000,
      cpuSeconds: (user + system) / 1e6,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      residentBytes: process.memoryUsage.rss(),
      tensors: engine.ops.tensorCount(),
    } satisfies TrainMeasure;
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for await (const answer of measures(lines)) process.stdout.write(`${JSON.stringify(answer)}\n`);
