import { Random, type DataCard, type SubmitAnswer, type UpdateManifest } from '@consilium/shared';
import { NodeFailure } from '../settings/failure.js';
import { SOFTWARE } from '../settings/software.js';
import type { TrainedUpdate } from '../trainer/messages.js';
import type { AssignedRound, AssignedStudy } from './next-task.js';
import { percent, ProgressLine, type TaskTools } from './task-tools.js';
import { chooseEncoding, prepareUpload, type PreparedUpload } from './transport/prepare-upload.js';
import { forgetUpload, uploadBlob } from './transport/upload.js';

/** Fetch, train, upload, sign and submit: one site's part of one round. Every stage is picked up where a killed node left it. */
export class Contribution {
  readonly #progress: ProgressLine;

  constructor(
    private readonly tools: TaskTools & { card: DataCard },
    private readonly task: { study: AssignedStudy; round: AssignedRound },
  ) {
    this.#progress = new ProgressLine(tools, task.round.id);
  }

  async make(): Promise<void> {
    const { journal } = this.tools;
    const { round } = this.task;
    const folder = await journal.beginRound(round.id);
    const former = await journal.finishedUpdate(round.id, round.base.digest);
    if (former !== undefined) this.tools.log.info(`round ${round.number}: the update was finished before; sending it`);
    const update = former ?? (await this.#train(folder));
    const prepared = await this.#prepare(folder, update);
    await this.#upload(update, prepared);
    let answer = await this.#submit(update, prepared);
    if (!answer.accepted && answer.refusal.reason === 'unknown-blob') {
      // The server lost the upload that our note points to: once more from the start.
      await forgetUpload(journal.uploadPlaceFile(round.id));
      await this.#upload(update, prepared);
      answer = await this.#submit(update, prepared);
    }
    this.#conclude(answer, update, prepared);
    await journal.closeRound(round.id);
  }

  async #train(folder: string): Promise<TrainedUpdate> {
    const { tools, task } = this;
    const { study, round } = task;
    const { minimumSupport, statistics } = tools.policy.update;
    const base = await this.#fetchBase();
    tools.log.info(`round ${round.number}: training ${study.manifest.rounds.localSteps} steps`);
    const update = await tools.trainer.run(
      {
        kind: 'train',
        study: study.manifest,
        studyDigest: study.digest,
        round: round.number,
        seed: Random.from(tools.seed, study.digest, tools.site.name, round.number).bits(),
        data: tools.data!,
        base,
        folder,
        local: tools.journal.localFolder(study.digest),
        withheld: { minimumSupport, statistics: statistics === 'withhold' },
      },
      {
        signal: tools.signal,
        onProgress: (progress) => {
          const { done, total, metrics, dataWaitShare = 0, scalars = {} } = progress;
          const before = (round.number - 1) * study.manifest.rounds.localSteps;
          tools.scalars.write(study.digest, before + done, scalars);
          this.#progress.send({ phase: 'training', done, total, metrics });
          tools.report({ state: 'training', round: round.number, done, total, metrics, dataWaitShare });
        },
      },
    );
    await tools.journal.rememberUpdate(round.id, round.base.digest, update);
    return update;
  }

  async #fetchBase(): Promise<string> {
    const { blobs, patience, report, signal } = this.tools;
    const { number, base } = this.task.round;
    const onProgress = (done: number): void => {
      this.#progress.send({ phase: 'fetching', ...percent(done, base.bytes), metrics: null });
      report({ state: 'fetching', round: number, model: base.digest, done, total: base.bytes });
    };
    return patience.ask(() => blobs.fetch(base, { signal, onProgress }), signal);
  }

  #prepare(folder: string, update: TrainedUpdate): Promise<PreparedUpload> {
    const { study, round } = this.task;
    return prepareUpload({
      update: update.blob,
      file: this.tools.journal.updateFile(round.id),
      folder,
      base: round.base.digest,
      fetchBase: () => this.#fetchBase(),
      encoding: chooseEncoding(study.manifest.transfer.encodings, this.tools.encoding),
    });
  }

  async #upload({ labelled, unlabelled, steps }: TrainedUpdate, prepared: PreparedUpload): Promise<void> {
    const { journal, patience, gate, rest, report, signal } = this.tools;
    const { id, number, base } = this.task.round;
    const { model } = this.task.study.manifest;
    const file = await this.#fetchBase();
    const request = {
      placeFile: journal.uploadPlaceFile(id),
      signal,
      onProgress: (done: number) => {
        this.#progress.send({ phase: 'uploading', ...percent(done, prepared.wireBytes), metrics: null });
        report({ state: 'uploading', round: number, done, total: prepared.wireBytes });
      },
    };
    const outgoing = {
      kind: 'update' as const,
      study: this.task.study.digest,
      upload: prepared,
      trained: { labelled, unlabelled, steps },
      model,
      base: { digest: base.digest, file },
    };
    await patience.ask(async () => uploadBlob(rest, { ...request, permit: await gate.pass(outgoing) }), signal);
  }

  async #submit(update: TrainedUpdate, { blob }: PreparedUpload): Promise<SubmitAnswer> {
    const { rest, patience, sign, witness, nodeSignal, site, card } = this.tools;
    const { study, round } = this.task;
    const { steps, metrics } = update;
    const manifest: UpdateManifest = {
      studyDigest: study.digest,
      roundId: round.id,
      siteId: site.siteId,
      base: round.base.digest,
      blob,
      // Volumes that came into the folder after this node's hello count from its next start on.
      labelled: Math.min(update.labelled, card.labelled),
      unlabelled: Math.min(update.unlabelled, card.unlabelled),
      steps,
      metrics,
      software: SOFTWARE,
    };
    const jws = await sign(manifest);
    // Not given up once it is on its way: the server may wake us with "no round" before its answer to this arrives.
    const answer = await patience.ask(() => rest.submitUpdate(jws, nodeSignal), nodeSignal);
    await patience.ask(() => witness.receive(jws, answer, nodeSignal), nodeSignal);
    return answer;
  }

  #conclude(answer: SubmitAnswer, update: TrainedUpdate, { wireBytes }: PreparedUpload): void {
    const { log, report } = this.tools;
    const round = this.task.round.number;
    // The answer to an earlier attempt was lost: this update is in.
    if (answer.accepted || answer.refusal.reason === 'duplicate-update') {
      const megabytes = (wireBytes / 1e6).toFixed(1);
      log.info(`round ${round}: update accepted (loss ${update.metrics.loss.toFixed(4)}, ${megabytes} MB)`);
      report({ state: 'submitted', round, bytes: wireBytes, metrics: update.metrics });
      return;
    }
    const { reason, sentence } = answer.refusal;
    if (reason === 'protocol-version') throw new NodeFailure('refused', sentence);
    log.error(`round ${round}: update refused (${reason}): ${sentence}`);
    report({ state: 'refused', round, reason, sentence });
  }
}
