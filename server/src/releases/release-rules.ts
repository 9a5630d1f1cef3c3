import type { MeasuredModel, Release, SiteDice } from '@consilium/shared';

/** The versions that were promoted and not rolled back, oldest first: the last one is in use. */
export function releasedVersions(history: readonly Pick<Release, 'action' | 'version'>[]): number[] {
  const versions: number[] = [];
  for (const { action, version } of history) {
    if (action === 'promoted') versions.push(version);
    else versions.pop();
  }
  return versions;
}

/** A version that fewer volumes than this share of the most measured one's speak for is not compared. */
const ENOUGH_VOLUMES = 0.5;

/**
 * The highest mean Dice over volumes, the newer of two alike; null while nothing was measured. The newest version is often
 * still being measured: the first site's figures alone do not make it the best.
 */
export function bestOf(models: readonly MeasuredModel[]): MeasuredModel | null {
  const most = Math.max(0, ...models.map(volumesOf));
  let best: MeasuredModel | null = null;
  for (const model of models) {
    const isComparable = volumesOf(model) > 0 && volumesOf(model) >= ENOUGH_VOLUMES * most;
    if (isComparable && (best === null || model.dice >= best.dice)) best = model;
  }
  return best;
}

function volumesOf({ sites }: MeasuredModel): number {
  return sites.reduce((sum, { volumes }) => sum + volumes, 0);
}

/** What a candidate does to the sites that measured the version in use. */
export interface SiteLosses {
  /** Sites that lose more than is tolerated, the worst first. */
  losing: { site: string; before: number; after: number }[];
  unmeasured: string[];
}

export function lossesOf(
  candidate: readonly SiteDice[],
  inUse: readonly SiteDice[],
  toleratedLoss: number,
): SiteLosses {
  const after = new Map(candidate.map(({ site, dice }) => [site, dice]));
  const losses: SiteLosses = { losing: [], unmeasured: [] };
  for (const { site, dice: before } of inUse) {
    const dice = after.get(site);
    if (dice === undefined) losses.unmeasured.push(site);
    else if (before - dice > toleratedLoss) losses.losing.push({ site, before, after: dice });
  }
  losses.losing.sort((a, b) => a.after - a.before - (b.after - b.before));
  return losses;
}
