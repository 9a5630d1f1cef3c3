import type { OperatorClient, SiteView, StudyView } from '@consilium/shared';
import { CommandFailure } from './exit-codes.js';

/** By id, by the beginning of its id or digest, or by name. */
export async function findStudy(client: OperatorClient, text: string): Promise<StudyView> {
  const studies = await client.studies();
  return only('study', text, studies, ({ id, digest, manifest }) => [id, digest, manifest.name]);
}

export async function findSite(client: OperatorClient, text: string): Promise<SiteView> {
  return only('site', text, await client.sites(), ({ id, name }) => [id, name]);
}

const SHORTEST_BEGINNING = 4;

/** The one of `all` that `text` names, or with which its last name begins. Throws CommandFailure (usage) where none or several do. */
export function only<T>(what: string, text: string, all: readonly T[], names: (one: T) => string[]): T {
  const exact = all.filter((one) => names(one).includes(text));
  const found =
    exact.length > 0 || text.length < SHORTEST_BEGINNING
      ? exact
      : all.filter((one) => names(one).some((name) => name.startsWith(text)));
  if (found.length === 1) return found[0];
  const choices = all.map((one) => names(one).at(-1)).join(', ');
  throw new CommandFailure(
    'usage',
    found.length === 0
      ? `${text}: expected a ${what}, one of: ${choices || 'there is none'}`
      : `${text}: expected one ${what}, got ${found.length}; give the id`,
  );
}
