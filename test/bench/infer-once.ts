import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { predictRows, predictVolume, Network } from '@consilium/client-node/dist/crln/index.js';
import { openEngine } from '@consilium/client-node/dist/engine/open-engine.js';
import { engineSettings } from '@consilium/client-node/dist/engine/engine-settings.js';
import { decodeContainer, ModelSettings } from '@consilium/shared';

type Triple = [number, number, number];

/** The first line that this process reads; each further line measures one volume and may name a file for probabilities. */
export interface InferRequest {
  model: string;
  settings: Partial<ModelSettings>;
  /** float32, C order. */
  image: string;
  shape: Triple;
  stride: Triple;
  batch: number;
  threads: number;
  /** Whether the volume's probabilities are held at once, as they are where nothing is streamed. */
  whole: boolean;
}

export interface InferMeasure {
  seconds: number;
  cpuSeconds: number;
  peakBytes: number;
}

async function* measures(lines: AsyncIterator<string>): AsyncGenerator<object> {
  const request = JSON.parse((await lines.next()).value as string) as InferRequest;
  const { shape, stride, batch } = request;
  const { ops, description } = await openEngine(engineSettings({}, { device: 'cpu', threads: request.threads }));
  const settings = ModelSettings.parse(request.settings);
  const network = Network.load(ops, settings, decodeContainer(readFileSync(request.model)).tensors);
  const bytes = readFileSync(request.image);
  const image = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const window = image.subarray(0, settings.patch[0] * settings.patch[1] * settings.patch[2]);
  await predictVolume(network, window, settings.patch, { stride: settings.patch });
  yield { ready: true, engine: description.name };
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const held = request.whole || line.value !== '' ? new Float32Array(image.length * settings.classes) : null;
    if (held === null) await predictVolume(network, image, shape, { stride, batch });
    else {
      for await (const { begin, probability } of predictRows(network, image, shape, { stride, batch })) {
        held.set(probability, begin * (held.length / shape[0]));
      }
    }
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - start) / 1000;
    if (held !== null && line.value !== '') writeFileSync(line.value, held);
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    yield { seconds, cpuSeconds: (user + system) / 1e6, peakBytes } satisfies InferMeasure;
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for await (const answer of measures(lines)) process.stdout.write(`${JSON.stringify(answer)}\n`);
