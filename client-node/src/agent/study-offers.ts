import type { ConsentDecision, ConsentStatement, StudyOffer } from '@consilium/shared';
import type { Consents, Decision } from '../egress/consents.js';
import type { NodeHome } from '../settings/node-settings.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';
import type { AssignedStudy } from './next-task.js';
import { readStudies, writeStudies, type SeenStudy } from './studies-file.js';
import type { RestClient } from './transport/rest-client.js';
import type { Witness } from './witness.js';

interface StudyOffersOptions {
  home: Pick<NodeHome, 'studies'>;
  site: { siteId: string };
  consents: Pick<Consents, 'of'>;
  rest: Pick<RestClient, 'consent'>;
  /** Signs with the site's key. */
  sign: (statement: ConsentStatement) => Promise<string>;
  witness: Pick<Witness, 'studyIn'>;
  clock: Clock;
  log: Log;
}

const WORDS: Record<Decision, ConsentDecision> = { accepted: 'given', declined: 'withdrawn' };

/** Studies that the server offers: kept for the site's people to decide on, and answered as they have decided. */
export class StudyOffers {
  #seen: SeenStudy[] | undefined;
  /** Digests about which the log has been told. */
  readonly #told = new Set<string>();

  constructor(private readonly options: StudyOffersOptions) {}

  /** After the checkpoint that came with them has been verified: whose signature counts is known by then. */
  async attend(offers: readonly StudyOffer[], signal: AbortSignal): Promise<void> {
    for (const offer of offers) {
      const study = (await this.#find(offer.digest)) ?? (await this.#see(offer, signal));
      if (study === undefined) continue;
      const decision = await this.options.consents.of(study.digest);
      if (decision === null) this.#ask(study);
      else if (WORDS[decision] !== offer.consent) await this.#answer(study, WORDS[decision], signal);
    }
  }

  /** The study with the settings that were accepted here; null where it is not accepted. */
  async accepted({ id, digest }: AssignedStudy): Promise<AssignedStudy | null> {
    const study = await this.#find(digest);
    if (study === undefined || (await this.options.consents.of(digest)) !== 'accepted') return null;
    return { id, digest, manifest: study.manifest };
  }

  async #find(digest: string): Promise<SeenStudy | undefined> {
    this.#seen ??= await readStudies(this.options.home);
    return this.#seen.find((study) => study.digest === digest);
  }

  async #see({ digest, envelope }: StudyOffer, signal: AbortSignal): Promise<SeenStudy | undefined> {
    const { witness, home, clock } = this.options;
    const study = await witness.studyIn(envelope, signal);
    if (study?.digest !== digest) {
      this.#tellOnce(digest, `the server offers a study ${digest} that it has not signed: it is left out`);
      return undefined;
    }
    const seen = { ...study, seenAt: new Date(clock.now()).toISOString() };
    this.#seen = [...(this.#seen ?? []), seen];
    await writeStudies(home, this.#seen);
    return seen;
  }

  async #answer({ digest, manifest }: SeenStudy, decision: ConsentDecision, signal: AbortSignal): Promise<void> {
    const { site, sign, rest, clock, log } = this.options;
    const at = new Date(clock.now()).toISOString();
    await rest.consent(await sign({ decision, studyDigest: digest, siteId: site.siteId, at }), signal);
    log.info(`study "${manifest.name}": this site's consent is ${decision}`);
  }

  #ask({ digest, manifest }: SeenStudy): void {
    this.#tellOnce(
      digest,
      `study "${manifest.name}" waits for this site's consent: look with "consilium-node studies show ${digest.slice(0, 12)}", then "studies accept" or "studies decline"`,
    );
  }

  #tellOnce(digest: string, sentence: string): void {
    if (this.#told.has(digest)) return;
    this.#told.add(digest);
    this.options.log.warn(sentence);
  }
}
