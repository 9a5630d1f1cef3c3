import type { Contribution, RoundState, SiteView, StudyState } from '@consilium/shared';
import type { Appearance } from '../frame/state.js';

export const ROUND_STATES: Record<RoundState, Appearance> = {
  planned: { icon: 'clock', word: 'planned', tone: 'quiet' },
  open: { icon: 'play', word: 'open', tone: 'active' },
  collecting: { icon: 'down', word: 'collecting', tone: 'active' },
  aggregating: { icon: 'sum', word: 'aggregating', tone: 'active' },
  committed: { icon: 'check', word: 'committed', tone: 'good' },
  aborted: { icon: 'cross', word: 'aborted', tone: 'bad' },
};

export const CONTRIBUTION_STATES: Record<Contribution['state'], Appearance> = {
  invited: { icon: 'clock', word: 'invited', tone: 'quiet' },
  fetching: { icon: 'down', word: 'fetching', tone: 'active' },
  evaluating: { icon: 'gauge', word: 'evaluating', tone: 'active' },
  training: { icon: 'pulse', word: 'training', tone: 'active' },
  uploading: { icon: 'up', word: 'uploading', tone: 'active' },
  accepted: { icon: 'check', word: 'accepted', tone: 'good' },
  quarantined: { icon: 'warning', word: 'held for a person', tone: 'warn' },
  refused: { icon: 'cross', word: 'refused', tone: 'bad' },
  lapsed: { icon: 'clock', word: 'no progress', tone: 'warn' },
  missed: { icon: 'clock', word: 'missed', tone: 'warn' },
};

export const STUDY_STATES: Record<StudyState, Appearance> = {
  draft: { icon: 'dots', word: 'draft', tone: 'quiet' },
  running: { icon: 'play', word: 'running', tone: 'active' },
  paused: { icon: 'pause', word: 'paused', tone: 'warn' },
  finished: { icon: 'check', word: 'finished', tone: 'good' },
  stopped: { icon: 'stop', word: 'stopped', tone: 'quiet' },
};

export function siteAppearance(site: Pick<SiteView, 'state' | 'connected' | 'exclusion'>): Appearance {
  if (site.state === 'revoked') return { icon: 'cross', word: 'revoked', tone: 'bad' };
  if (site.state === 'pending') return { icon: 'key', word: 'to approve', tone: 'warn' };
  if (site.exclusion !== null) return { icon: 'clock', word: 'excluded', tone: 'warn' };
  if (site.connected) return { icon: 'plug', word: 'connected', tone: 'good' };
  return { icon: 'unplug', word: 'not connected', tone: 'warn' };
}
