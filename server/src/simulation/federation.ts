import { ModelSettings, type DataCard, type OperatorClient, type StudyDraft, type StudyView } from '@consilium/shared';
import type { DueFault } from './fault-script.js';
import { LightNode, type LightNodeOptions } from './light-node.js';
import { LightSite, type ServerPlace } from './light-site.js';

const LOOK_MS = 500;

export interface FederationOptions extends Omit<LightNodeOptions, 'faultIn'> {
  sites: number;
  data?: DataCard;
  faultOf?: (site: string, round: number) => DueFault | null;
}

/** Many light nodes in this process, each with a key and a socket of its own. */
export class LightFederation {
  readonly #nodes = new Map<string, { stop: AbortController; ended: Promise<void> }>();

  private constructor(
    readonly sites: LightSite[],
    private readonly options: FederationOptions,
  ) {}

  static async enrol(
    operator: OperatorClient,
    place: ServerPlace,
    options: FederationOptions,
  ): Promise<LightFederation> {
    const sites: LightSite[] = [];
    const data = options.data ?? { labelled: 4, unlabelled: 8, validation: 0 };
    const enrolled = new Set((await operator.sites()).map(({ name }) => name));
    for (let number = 1; sites.length < options.sites; number++) {
      const name = `light-${number}`;
      if (enrolled.has(name)) continue;
      sites.push(await operator.admit(name, (code) => LightSite.join(place, code, data)));
    }
    return new LightFederation(sites, options);
  }

  start(): void {
    for (const site of this.sites) this.startNode(site);
  }

  startNode(site: LightSite): void {
    const stop = new AbortController();
    const faultIn = (round: number): DueFault | null => this.options.faultOf?.(site.name, round) ?? null;
    // A new object: nothing of an earlier life of this node is left.
    const fresh = new LightSite(site.place, site.enrolled, site.key, site.data, site.fingerprint);
    const ended = new LightNode(fresh, { ...this.options, faultIn }).run(stop.signal);
    this.#nodes.set(site.id, { stop, ended });
  }

  /** Cuts a node off in whatever it does, like a process that is killed. */
  killNode(site: LightSite): void {
    this.#nodes.get(site.id)?.stop.abort();
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#nodes.values()) stop.abort();
    await Promise.all([...this.#nodes.values()].map(({ ended }) => ended));
  }
}

/** A study that light nodes run: no warm-up, no patience, a network of about `width` squared times 9 kB. */
export function lightStudy(name: string, rounds: StudyDraft['rounds'] = {}, width = 2): StudyDraft {
  const model = ModelSettings.parse({ width, prototypes: 2, patch: [16, 16, 16] });
  // Updates that are drawn at random point anywhere: nobody is there to release those that stand out.
  const admission = { quarantineNorm: null, quarantineCosine: null };
  return { name, model, admission, rounds: { localSteps: 5, ...rounds } };
}

/** Looks until the study has ended. Throws after `seconds`, or where it has been paused, with its reason. */
export async function studyEnd(operator: OperatorClient, studyId: string, seconds: number): Promise<StudyView> {
  const until = Date.now() + seconds * 1000;
  for (;;) {
    const study = await operator.study(studyId).catch(() => null);
    if (study?.state === 'finished') return study;
    if (study !== null && study.state !== 'running')
      throw new Error(
        `study ${study.manifest.name}: expected it to finish, it is ${study.state}: ${study.reason ?? ''}`,
      );
    if (Date.now() > until) throw new Error(`study ${studyId}: expected it to finish within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
