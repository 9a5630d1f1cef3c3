import type { Assignment, LeaveRound, SiteHello, TransferEncoding, UpdateManifest } from '@consilium/shared';
import { PROTOCOL_VERSION } from '@consilium/shared';
import type { EgressPolicy } from '../egress/egress-policy.js';
import type { Gate } from '../egress/gate.js';
import { EgressRefused } from '../egress/objection.js';
import type { ScalarLog } from '../scalars/scalar-log.js';
import { errorText, NodeFailure } from '../settings/failure.js';
import { SOFTWARE } from '../settings/software.js';
import type { Survey } from '../trainer/messages.js';
import type { Trainer } from '../trainer/trainer-process.js';
import { Announcer } from './announcer.js';
import type { Clock } from './clock.js';
import { Contribution } from './contribution.js';
import type { ControlLine, ControlLineEvents } from './control-line.js';
import { awaitApproval } from './enrolment.js';
import type { Journal } from './journal.js';
import type { Log } from './log.js';
import { Measurement } from './measurement.js';
import { isStillWanted, nextTask, type AssignedStudy, type Task } from './next-task.js';
import { Patience } from './patience.js';
import type { Report } from './report.js';
import { takeStock } from './stock.js';
import type { StudyOffers } from './study-offers.js';
import type { BlobCache } from './transport/blob-cache.js';
import { RequestRefused, type RestClient } from './transport/rest-client.js';
import { WakeUp } from './wake-up.js';
import type { Witness } from './witness.js';

export interface AgentOptions {
  site: { siteId: string; name: string; role: 'trainer' | 'observer' };
  /** Of the site's key, as it is read out. */
  fingerprint: string;
  data: string | null;
  validation: string | null;
  seed: number;
  pollSeconds: number;
  /** How updates travel, where the study accepts it. */
  encoding: TransferEncoding | 'auto';
  /** End once no further round will open, in place of waiting for another study. */
  untilFinished: boolean;
  /** What may leave, and the gate that holds to it. */
  policy: EgressPolicy;
  gate: Pick<Gate, 'pass'>;
  rest: RestClient;
  blobs: BlobCache;
  journal: Journal;
  trainer: Trainer;
  connect: (events: ControlLineEvents) => ControlLine;
  /** Signs a manifest with the site's key. */
  sign: (manifest: UpdateManifest) => Promise<string>;
  /** What this site says to studies. */
  offers: Pick<StudyOffers, 'attend' | 'accepted'>;
  /** Holds the server to its log. */
  witness: { see: (note: string, signal: AbortSignal) => Promise<unknown>; receive: Witness['receive'] };
  /** For the site's own eyes. */
  scalars: Pick<ScalarLog, 'write'>;
  clock: Clock;
  jitter: () => number;
  log: Log;
  report: Report;
}

type ModelTask = Extract<Task, { kind: 'evaluate' | 'keep' }>;

/** Attempts at one task that fails for a reason of its own before the agent leaves it. */
const ATTEMPTS = 3;
/** These end the node: asking again changes nothing until a person acts. */
const FATAL = new Set<NodeFailure['kind']>([
  'disk-full',
  'bad-data',
  'engine-unavailable',
  'usage',
  'log-forked',
  'interrupted',
]);

/**
 * The hospital's side of a study. It asks what to do, does it, and asks again; the socket only makes it ask sooner.
 * All it must remember is in the journal, so that it may be killed at any point.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #patience: Patience;
  readonly #wakeUp: WakeUp;
  readonly #line: ControlLine;
  readonly #announcer: Announcer;
  readonly #fatal = new AbortController();
  readonly #failures = new Map<string, number>();
  #survey: Survey = { engine: '', card: { labelled: 0, unlabelled: 0, validation: 0 }, findings: [] };
  #unmeasured: { study: AssignedStudy; model: NonNullable<Assignment['model']> }[] = [];
  #keptModel: string | undefined;
  /** Digests of studies whose updates this site's own policy has stopped: it holds until the node is started again. */
  readonly #stopped = new Set<string>();

  constructor(options: AgentOptions) {
    this.#options = options;
    const { clock, log, jitter, report } = options;
    const onAway = (sentence: string): void => report({ state: 'server-away', sentence });
    this.#patience = new Patience({ clock, log, jitter, onAway });
    this.#announcer = new Announcer(options);
    this.#wakeUp = new WakeUp(clock);
    this.#line = options.connect({
      hello: () => this.#hello(),
      onWake: this.#wakeUp.signal,
      onRefused: (sentence) => void this.#takeRefusedHello(sentence),
    });
  }

  /** Makes it look again at once: its site's people may have decided something. */
  look(): void {
    this.#wakeUp.signal();
  }

  /** Runs until the signal fires (rejects with its reason), a failure that needs a person, or the end of the study. */
  async run(outer: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([outer, this.#fatal.signal]);
    this.#survey = await takeStock(this.#options, signal);
    this.#keptModel = (await this.#options.journal.newestModel())?.model.blob.digest;
    await this.#patience.ask(() => this.#options.rest.health(signal), signal);
    await this.#beApproved(signal);
    this.#line.open();
    try {
      await this.#work(signal);
    } finally {
      this.#line.close();
    }
  }

  #beApproved(signal: AbortSignal): Promise<void> {
    const say = (sentence: string): void => {
      this.#options.log.info(sentence);
      this.#options.report({ state: 'waiting' });
    };
    return awaitApproval({ ...this.#options, patience: this.#patience, say }, signal);
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const assignment = await this.#ask(signal);
      await this.#leaveIfStopped(assignment, signal);
      const task = this.#next(assignment);
      if (task.kind === 'wait') {
        this.#announcer.waiting(assignment);
        if (task.finished && this.#options.untilFinished) return;
        // Only a node that is free says that it is back: one that hangs in a task is not.
        if (this.#announcer.isExcluded(this.#options.site.name) && !this.#isStopped(assignment)) this.#line.greet();
        await this.#wakeUp.wait(this.#options.pollSeconds * 1000, signal);
      } else {
        await this.#perform(task, signal);
      }
    }
  }

  /** A study that is not accepted here is none to this node, whatever the server has assigned. */
  async #ask(signal: AbortSignal): Promise<Assignment> {
    const { rest, witness, offers } = this.#options;
    const assigned = await this.#patience.ask(() => rest.assignment(signal), signal);
    await this.#patience.ask(() => witness.see(assigned.checkpoint, signal), signal);
    await this.#patience.ask(() => offers.attend(assigned.offers, signal), signal);
    this.#announcer.exclusions(assigned);
    const study = assigned.study && (await offers.accepted(assigned.study));
    const assignment = study ? { ...assigned, study } : { ...assigned, study, model: null, round: null };
    const { model } = assignment;
    const measures = this.#survey.card.validation > 0;
    if (measures && study !== null && model !== null && !this.#isQueued(study, model.blob.digest)) {
      this.#unmeasured.push({ study, model });
    }
    return assignment;
  }

  #isQueued(study: AssignedStudy, digest: string): boolean {
    if (this.#options.journal.isEvaluated(study.digest, digest)) return true;
    return this.#unmeasured.some((entry) => entry.study.digest === study.digest && entry.model.blob.digest === digest);
  }

  #next(assignment: Assignment): Task {
    const { labelled, unlabelled, validation } = this.#survey.card;
    return nextTask(assignment, {
      role: this.#options.site.role,
      trainingVolumes: labelled + unlabelled,
      validationVolumes: validation,
      unmeasured: this.#unmeasured,
      isClosed: (roundId) => this.#isStopped(assignment) || this.#options.journal.isClosed(roundId),
      keptModel: this.#keptModel,
    });
  }

  /** Does one task while it goes on asking, and gives it up when the server no longer wants it. */
  async #perform(task: Exclude<Task, { kind: 'wait' }>, outer: AbortSignal): Promise<void> {
    const unwanted = new AbortController();
    const ended = new AbortController();
    const watching = this.#watch(task, unwanted, AbortSignal.any([outer, ended.signal]));
    this.#announcer.working();
    let failure: { error: unknown } | undefined;
    try {
      await this.#do(task, AbortSignal.any([outer, unwanted.signal]), outer);
    } catch (error) {
      failure = { error };
    }
    ended.abort();
    await watching;
    if (failure === undefined) return;
    outer.throwIfAborted();
    if (unwanted.signal.aborted) this.#announcer.abandoned(task, errorText(unwanted.signal.reason));
    else await this.#takeFailure(task, failure.error, outer);
  }

  async #watch(task: Task, unwanted: AbortController, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#wakeUp.wait(this.#options.pollSeconds * 1000, signal);
        const assignment = await this.#ask(signal);
        if (!isStillWanted(task, assignment)) {
          unwanted.abort(new NodeFailure('internal', 'the round was closed or replaced meanwhile'));
          return;
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#fatal.abort(error);
    }
  }

  async #do(task: Exclude<Task, { kind: 'wait' }>, signal: AbortSignal, nodeSignal: AbortSignal): Promise<void> {
    const tools = { ...this.#options, patience: this.#patience, line: this.#line, signal, nodeSignal };
    if (task.kind === 'contribute') {
      const contribution = new Contribution({ ...tools, card: this.#survey.card }, task);
      await contribution.make();
      return;
    }
    const measurement = new Measurement(tools, { waitingRound: null, ...task });
    await measurement.fetch();
    this.#keptModel = task.model.blob.digest;
    if (task.kind === 'keep') return;
    await measurement.measure();
    this.#dropMeasured(task);
  }

  #dropMeasured({ model }: ModelTask): void {
    this.#unmeasured = this.#unmeasured.filter((entry) => entry.model.blob.digest !== model.blob.digest);
  }

  /** A task that fails is tried again after a pause, and left after three attempts; the node itself goes on. */
  async #takeFailure(task: Exclude<Task, { kind: 'wait' }>, error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof NodeFailure) || FATAL.has(error.kind)) throw error;
    if (error instanceof RequestRefused && error.isIdentityRefused) throw error;
    const key = task.kind === 'contribute' ? task.round.id : `${task.kind} ${task.model.blob.digest}`;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#options.log.error(error.message);
    if (error instanceof EgressRefused) return this.#takeStopped(task, error, signal);
    if (failures < ATTEMPTS) {
      await this.#wakeUp.wait(this.#options.pollSeconds * 1000, signal);
      return;
    }
    this.#failures.delete(key);
    if (task.kind !== 'contribute') {
      this.#leaveModel(task);
      return;
    }
    this.#announcer.abandoned(task, `left after ${ATTEMPTS} attempts: ${error.message}`);
    await this.#leave(task.round.id, 'failed-at-site', signal);
  }

  /** A later round of a study that the gate has stopped need not wait for this site either. */
  async #leaveIfStopped(assignment: Assignment, signal: AbortSignal): Promise<void> {
    const { round } = assignment;
    if (round !== null && this.#isStopped(assignment)) await this.#leave(round.id, 'stopped-at-site', signal);
  }

  /** Tells the server that no update will come, once. */
  async #leave(roundId: string, reason: LeaveRound['reason'], signal: AbortSignal): Promise<void> {
    if (this.#options.journal.isClosed(roundId)) return;
    await this.#patience.ask(() => this.#options.rest.leaveRound(roundId, { reason }, signal), signal);
    await this.#options.journal.closeRound(roundId);
  }

  #isStopped({ study }: Assignment): boolean {
    return study !== null && this.#stopped.has(study.digest);
  }

  /** Doing it again would end at the same gate: the study goes on without this site, whose people find why in its log. */
  async #takeStopped(
    task: Exclude<Task, { kind: 'wait' }>,
    { objection, message }: EgressRefused,
    signal: AbortSignal,
  ): Promise<void> {
    if (task.kind !== 'contribute') {
      this.#leaveModel(task);
      return;
    }
    this.#stopped.add(task.study.digest);
    this.#options.report({ state: 'refused', round: task.round.number, reason: objection.reason, sentence: message });
    await this.#leave(task.round.id, 'stopped-at-site', signal);
  }

  #leaveModel(task: ModelTask): void {
    this.#options.log.error(`model version ${task.model.version}: left`);
    this.#keptModel = task.model.blob.digest;
    this.#dropMeasured(task);
  }

  /** The server may have been updated meanwhile: another protocol ends this node, anything else may pass. */
  async #takeRefusedHello(sentence: string): Promise<void> {
    this.#options.log.warn(`the server does not take this node in: ${sentence}`);
    try {
      await this.#options.rest.health();
    } catch (error) {
      if (error instanceof NodeFailure && error.kind === 'refused') this.#fatal.abort(error);
    }
  }

  #hello(): SiteHello {
    return {
      protocolVersion: PROTOCOL_VERSION,
      software: SOFTWARE,
      engine: this.#survey.engine.slice(0, 200),
      data: this.#survey.card,
    };
  }
}
