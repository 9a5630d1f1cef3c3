import type { RoundView, SiteView, StudyView } from '@consilium/shared';
import Table from 'cli-table3';

export interface DemoReport {
  engine: string;
  study: string;
  initialDice: number | null;
  seconds: number;
  rounds: RoundReport[];
}

interface RoundReport {
  round: number;
  state: string;
  dice: number | null;
  loss: number | null;
  bytes: number;
  digest: string | null;
  sites: SiteReport[];
}

interface SiteReport {
  site: string;
  labelled: number | null;
  unlabelled: number | null;
  dice: number | null;
  hd95: number | null;
  loss: number | null;
  bytes: number | null;
}

export function demoReport(study: StudyView, rounds: RoundView[], sites: SiteView[], seconds: number): DemoReport {
  return {
    engine: sites.find((site) => site.engine !== null)?.engine ?? 'unknown',
    study: study.digest,
    initialDice: study.initialDice,
    seconds,
    rounds: rounds.map((round) => ({
      round: round.number,
      state: round.state,
      dice: round.dice,
      loss: round.loss,
      bytes: round.bytes,
      digest: round.result?.digest ?? null,
      sites: siteReports(round),
    })),
  };
}

function siteReports(round: RoundView): SiteReport[] {
  const trained = round.contributions.map((contribution): SiteReport => {
    const measured = round.evaluations.find((evaluation) => evaluation.site === contribution.site);
    return {
      site: contribution.site,
      labelled: contribution.labelled,
      unlabelled: contribution.unlabelled,
      dice: measured?.dice ?? null,
      hd95: measured?.hd95 ?? null,
      loss: contribution.metrics?.loss ?? null,
      bytes: contribution.bytes,
    };
  });
  const observed = round.evaluations
    .filter((evaluation) => !round.contributions.some((contribution) => contribution.site === evaluation.site))
    .map(({ site, dice, hd95 }): SiteReport => ({
      site,
      labelled: null,
      unlabelled: null,
      dice,
      hd95,
      loss: null,
      bytes: null,
    }));
  return [...trained, ...observed];
}

/** One block per round: a row per site, then the round's own row with the digest of the model it made. */
export function renderReport(report: DemoReport): string {
  const table = new Table({
    head: ['round', 'site', 'volumes', 'Dice', 'HD95 mm', 'loss', 'bytes', 'model'],
    style: { head: [], border: [] },
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'left'],
  });
  for (const round of report.rounds) {
    for (const site of round.sites) {
      const volumes = site.labelled === null ? '–' : `${site.labelled} + ${site.unlabelled ?? 0}`;
      table.push([
        '',
        site.site,
        volumes,
        figure(site.dice, 3),
        figure(site.hd95, 1),
        figure(site.loss, 3),
        megabytes(site.bytes),
        '',
      ]);
    }
    const model = round.digest?.slice(0, 12) ?? round.state;
    table.push([
      round.round,
      'all',
      '',
      figure(round.dice, 3),
      '',
      figure(round.loss, 3),
      megabytes(round.bytes),
      model,
    ]);
  }
  return `${table.toString()}\nvolumes = labelled + unlabelled; Dice of the round's global model on each site's own validation or test volumes`;
}

function figure(value: number | null, digits: number): string {
  return value === null ? '–' : value.toFixed(digits);
}

function megabytes(bytes: number | null): string {
  return bytes === null ? '–' : `${(bytes / 1e6).toFixed(1)} MB`;
}
