import type { AssignedStudy } from './next-task.js';
import { ProgressLine, type TaskTools } from './task-tools.js';
import type { ModelVersion } from '@consilium/shared';

/** Fetches a model version and measures it on the site's own validation volumes. */
export class Measurement {
  #path = '';

  constructor(
    private readonly tools: TaskTools,
    /** `waitingRound`: the round that this site joins afterwards, told that it is being kept waiting. */
    private readonly task: { study: AssignedStudy; model: ModelVersion; waitingRound: string | null },
  ) {}

  async fetch(): Promise<void> {
    const { blobs, journal, patience, report, signal } = this.tools;
    const { study, model } = this.task;
    const { digest, bytes } = model.blob;
    const onProgress = (done: number): void =>
      report({ state: 'fetching', round: null, model: digest, done, total: bytes });
    this.#path = await patience.ask(() => blobs.fetch(model.blob, { signal, onProgress }), signal);
    const newest = await journal.newestModel();
    if (newest?.model.studyId !== model.studyId || newest.model.version < model.version) {
      await journal.rememberModel({ studyDigest: study.digest, manifest: study.manifest, model });
    }
    await blobs.prune(KEPT_MODELS);
  }

  async measure(): Promise<void> {
    const { rest, journal, trainer, patience, report, log, signal, validation, scalars } = this.tools;
    const { study, model, waitingRound } = this.task;
    const { digest } = model.blob;
    const round = waitingRound === null ? undefined : new ProgressLine(this.tools, waitingRound);
    round?.send({ phase: 'evaluating', done: 0, total: 1, metrics: null });
    const evaluated = await trainer.run(
      { kind: 'evaluate', study: study.manifest, model: this.#path, validation: validation! },
      {
        signal,
        onProgress: ({ done, total }) => {
          round?.send({ phase: 'evaluating', done, total, metrics: null });
          report({ state: 'evaluating', model: digest, version: model.version, done, total });
        },
      },
    );
    const { dice, hd95 } = evaluated.mean;
    const volumes = evaluated.volumes.length;
    const step = model.version * study.manifest.rounds.localSteps;
    scalars.write(study.digest, step, {
      'validation/dice': dice,
      ...(hd95 !== null && { 'validation/hd95_mm': hd95 }),
    });
    const evaluation = { studyId: study.id, model: digest, volumes, dice, hd95 };
    await patience.ask(() => rest.submitEvaluation(evaluation, signal), signal);
    await journal.markEvaluated(study.digest, digest);
    const distance = hd95 === null ? '' : `, HD95 ${hd95.toFixed(1)} mm`;
    log.info(`model version ${model.version}: Dice ${dice.toFixed(4)}${distance} on ${volumes} volumes`);
    report({ state: 'evaluated', model: digest, version: model.version, dice, hd95, volumes });
  }
}

/** The newest, its predecessor (base of the open round) and one more. */
const KEPT_MODELS = 3;
