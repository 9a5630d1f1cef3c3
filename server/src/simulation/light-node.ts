import { setTimeout as sleep } from 'node:timers/promises';
import { decodeContainer, encodeContainer, Random, type Assignment, type NamedTensors } from '@consilium/shared';
import type { DueFault } from './fault-script.js';
import { METRICS, type LightSite, type Task } from './light-site.js';

export interface LightNodeOptions {
  faultIn?: (round: number) => DueFault | null;
  /** Milliseconds from a progress report to its acknowledgement. */
  onControlMessage?: (milliseconds: number) => void;
  onRefused?: (site: string, sentence: string) => void;
}

/** Milliseconds between two looks, should a wake-up get lost; and after a server that did not answer. */
const POLL = 1000;
const AWAY = 100;

/**
 * A node without volumes: it works like one, and its update is a function of the base, its name and the round, so that
 * two runs of the same study end in the same model. It remembers nothing that it could not do again: killing it at any
 * moment and starting another in its place changes nothing.
 */
export class LightNode {
  #wake: (() => void) | undefined;
  #pending = true;
  readonly #finished = new Set<string>();
  #base: { digest: string; bytes: Uint8Array } | undefined;
  #room: Buffer | undefined;

  constructor(
    private readonly site: LightSite,
    private readonly options: LightNodeOptions = {},
  ) {}

  /** Works until the signal fires, which cuts every connection at once: another study may follow. */
  async run(signal: AbortSignal): Promise<void> {
    this.site.signal = signal;
    const cut = (): void => {
      this.site.disconnect();
      this.#wake?.();
    };
    signal.addEventListener('abort', cut, { once: true });
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (error) {
        // The server is away, or the connection was cut in the middle: look again.
        if (!(error instanceof Error)) throw error;
        await sleep(AWAY);
      }
    }
    signal.removeEventListener('abort', cut);
    this.site.disconnect();
  }

  async #look(signal: AbortSignal): Promise<void> {
    await this.#stayConnected();
    const assignment = await this.site.assignment();
    const { study, round } = assignment;
    if (study !== null && round !== null && !this.#finished.has(round.id)) await this.#work({ study, round }, signal);
    else await this.#wait(assignment);
  }

  async #stayConnected(): Promise<void> {
    if (this.site.socket?.connected) return;
    await this.site.connect();
    this.site.socket?.on('assignment', () => {
      this.#pending = true;
      this.#wake?.();
    });
  }

  async #wait({ exclusions }: Assignment): Promise<void> {
    if (exclusions.some(({ site }) => site === this.site.name)) await this.site.hello();
    if (!this.#pending) {
      const timer = setTimeout(() => this.#wake?.(), POLL);
      await new Promise<void>((resolve) => (this.#wake = resolve));
      clearTimeout(timer);
    }
    this.#pending = false;
  }

  async #work(task: Task, signal: AbortSignal): Promise<void> {
    const fault = this.options.faultIn?.(task.round.number) ?? null;
    if (fault?.kind === 'absent' || fault?.kind === 'stall') {
      this.#finished.add(task.round.id);
      while (fault.kind === 'stall' && !signal.aborted && (await this.site.task())?.round.id === task.round.id) {
        await this.#report(task, 1);
        await sleep(AWAY * 2);
      }
      return;
    }
    await this.#report(task, 0);
    const update = await this.#baseOf(task);
    // Views into it: what is trained is the update, and there is nothing to encode.
    const { tensors } = decodeContainer(update);
    train(tensors, this.site.name, task.round.number);
    if (fault?.kind === 'slow') await this.#dawdle(task, fault.seconds);
    await this.#report(task, task.study.manifest.rounds.localSteps);
    if (fault?.kind === 'nan') await this.#submit(task, encodeContainer(spoiled(tensors)));
    await this.#submit(task, update);
    if (fault?.kind === 'twice') await this.#submit(task, update);
    this.#finished.add(task.round.id);
    if (fault?.kind === 'leave') this.site.disconnect();
  }

  async #dawdle(task: Task, seconds: number): Promise<void> {
    const steps = task.study.manifest.rounds.localSteps;
    for (let step = 1; step < steps; step++) {
      await sleep((seconds * 1000) / steps);
      await this.#report(task, step);
    }
  }

  async #submit(task: Task, update: Uint8Array): Promise<void> {
    const digest = await this.site.upload(update);
    const answer = await this.site.submit(this.site.manifestOf(task, { digest, bytes: update.length }));
    if (!answer.accepted) this.options.onRefused?.(this.site.name, answer.refusal.sentence);
  }

  async #report(task: Task, done: number): Promise<void> {
    const total = task.study.manifest.rounds.localSteps;
    const started = performance.now();
    await this.site.report({ roundId: task.round.id, phase: 'training', done, total, metrics: METRICS });
    this.options.onControlMessage?.(performance.now() - started);
  }

  /** A copy that may be changed, in memory that is used again: fresh pages cost more than what is written into them. */
  async #baseOf({ round }: Task): Promise<Buffer> {
    const { digest, bytes } = round.base;
    if (bytes > KEPT_BYTES) return (this.#room = await this.site.download(digest, this.#room));
    if (this.#base?.digest !== digest) this.#base = { digest, bytes: await this.site.download(digest) };
    return Buffer.from(new Uint8Array(this.#base.bytes).buffer);
  }
}

/** A small model is likely to be needed again by the next attempt. */
const KEPT_BYTES = 1 << 22;

/** What stands for training: every trained value moves by up to a hundredth of itself. Priors stay as they are. */
function train(tensors: NamedTensors, site: string, round: number): void {
  const factor = Math.fround(1 + (Random.from(0, 'light', site, round).uniform() - 0.5) / 50);
  for (const [name, tensor] of tensors)
    if (tensor.dtype === 'float32' && !name.startsWith('prior.'))
      for (let i = 0; i < tensor.data.length; i++) tensor.data[i] *= factor;
}

function spoiled(tensors: NamedTensors): NamedTensors {
  for (const [name, tensor] of tensors)
    if (tensor.dtype === 'float32')
      return new Map(tensors).set(name, { ...tensor, data: new Float32Array(tensor.data.length).fill(NaN) });
  throw new Error('spoiled update: expected a float32 tensor, got none');
}
