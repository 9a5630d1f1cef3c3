import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../settings/failure.js';
import { scalarsRecord, versionRecord, type Scalars } from './event-records.js';

/** A study's figures lie in so many files at most; the oldest one goes when the newest is full. */
const FILES = 4;
/** Of a study's digest: the name of its folder, and of its run in TensorBoard. */
const NAME_LENGTH = 12;
const PATTERN = /^events\.out\.tfevents\.\d{10}\.\d{4}\.consilium$/;

export interface ScalarLogOptions {
  folder: string;
  /** Of one study's files together; 0 writes nothing. */
  maximumBytes: number;
  now: () => number;
  warn: (sentence: string) => void;
}

/**
 * What training and measuring give, for the site's own TensorBoard. Nobody waits for it and nothing depends on it: what cannot
 * be written is said once and left.
 */
export class ScalarLog {
  #file: { study: string; path: string; bytes: number } | undefined;
  #files = 0;
  #broken = false;

  constructor(private readonly options: ScalarLogOptions) {}

  /** `step` counts over all rounds of the study. Figures that are not finite are left out. */
  write(studyDigest: string, step: number, scalars: Scalars): void {
    const { maximumBytes, folder, now, warn } = this.options;
    if (maximumBytes === 0 || this.#broken) return;
    const finite = Object.fromEntries(Object.entries(scalars).filter(([, value]) => Number.isFinite(value)));
    try {
      this.#append(studyDigest.slice(0, NAME_LENGTH), scalarsRecord(now() / 1000, step, finite));
    } catch (error) {
      this.#broken = true;
      warn(`${folder}: figures for TensorBoard are no longer written (${errorText(error)})`);
    }
  }

  #append(study: string, record: Uint8Array): void {
    const most = this.options.maximumBytes / FILES;
    if (this.#file?.study !== study || this.#file.bytes + record.length > most) this.#file = this.#begin(study);
    appendFileSync(this.#file.path, record);
    this.#file.bytes += record.length;
  }

  /** A file of this process: another one's may end in the middle of a record, behind which nothing would be read. */
  #begin(study: string): { study: string; path: string; bytes: number } {
    const folder = join(this.options.folder, study);
    mkdirSync(folder, { recursive: true });
    const former = readdirSync(folder)
      .filter((name) => PATTERN.test(name))
      .sort();
    for (const name of former.slice(0, Math.max(0, former.length - FILES + 1))) rmSync(join(folder, name));
    const seconds = Math.floor(this.options.now() / 1000);
    // TensorBoard reads the files of a run in the order of their names.
    const order = String(this.#files++ % 10_000).padStart(4, '0');
    const path = join(folder, `events.out.tfevents.${String(seconds).padStart(10, '0')}.${order}.consilium`);
    const version = versionRecord(seconds);
    writeFileSync(path, version, { flag: 'wx' });
    return { study, path, bytes: version.length };
  }
}
