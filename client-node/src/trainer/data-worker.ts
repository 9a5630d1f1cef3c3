import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { PreparedBatch } from '../crln/patches.js';
import { CaseMemory } from '../volumes/index.js';
import { BatchMaker } from './batch-maker.js';
import type { FromDataWorker, ToDataWorker } from './data-messages.js';
import { describeFailure } from './failure-report.js';

/** Entry of a thread that makes batches: one after the other, of the feed that was opened last. */
const port = parentPort!;
const { memoryBytes } = z.object({ memoryBytes: z.number() }).parse(workerData);
const memory = new CaseMemory(memoryBytes);
let feed: { id: number; maker: BatchMaker } | undefined;
let queue: Promise<void> = Promise.resolve();

function send(message: FromDataWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

port.on('message', (message: ToDataWorker) => {
  if (message.type === 'open') {
    const { id } = message;
    feed = { id, maker: new BatchMaker(message.feed, memory, (volume) => send({ type: 'left-out', id, volume })) };
    return;
  }
  queue = queue.then(() => make(message.id, message.step));
});

async function make(id: number, step: number): Promise<void> {
  // Asked for by a round that has ended.
  if (feed?.id !== id) return;
  try {
    const batch = await feed.maker.make(step);
    send({ type: 'batch', id, step, batch }, buffersOf(batch));
  } catch (error) {
    send({ type: 'failed', id, step, ...describeFailure(error) });
  }
}

/** Each array has its memory to itself: it goes over whole, not copied. */
function buffersOf({ labelled, unlabelled }: PreparedBatch): ArrayBuffer[] {
  const arrays = [labelled?.image, labelled?.label, unlabelled?.image, unlabelled?.strong, unlabelled?.columns];
  return arrays.filter((array) => array !== undefined).map((array) => array.buffer as ArrayBuffer);
}
