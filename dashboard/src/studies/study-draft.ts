/** A study as typed into the form: text, until the protocol's schema has judged it. */
export interface Draft {
  name: string;
  classNames: string;
  backbone: string;
  width: string;
  patch: string;
  spacing: string;
  count: string;
  localSteps: string;
  minimumSites: string;
  quorum: string;
  deadlineHours: string;
  seed: string;
}

export interface Field {
  key: keyof Draft;
  label: string;
  hint: string;
  /** Where the schema reports a problem with it. */
  path: string;
  numeric: boolean;
  choices?: string[];
}

export const BLANK_DRAFT: Draft = {
  name: '',
  classNames: 'background, organ',
  backbone: 'vnet',
  width: '16',
  patch: '112 112 80',
  spacing: '1 1 1',
  count: '8',
  localSteps: '100',
  minimumSites: '2',
  quorum: '2',
  deadlineHours: '24',
  seed: '0',
};

export const FIELDS: Field[] = [
  { key: 'name', label: 'Name', hint: 'as sites will read it', path: 'name', numeric: false },
  { key: 'classNames', label: 'Classes', hint: 'background first, with commas', path: 'classNames', numeric: false },
  {
    key: 'backbone',
    label: 'Backbone',
    hint: 'of the network',
    path: 'model.backbone',
    numeric: false,
    choices: ['vnet', 'unet3d'],
  },
  { key: 'width', label: 'Width', hint: 'channels of the first stage', path: 'model.width', numeric: true },
  { key: 'patch', label: 'Patch', hint: 'voxels, each side divisible by 16', path: 'model.patch', numeric: false },
  { key: 'spacing', label: 'Spacing', hint: 'mm that volumes are resampled to', path: 'spacing', numeric: false },
  { key: 'count', label: 'Rounds', hint: 'committed rounds in all', path: 'rounds.count', numeric: true },
  { key: 'localSteps', label: 'Local steps', hint: 'per site and round', path: 'rounds.localSteps', numeric: true },
  {
    key: 'minimumSites',
    label: 'Sites to open',
    hint: 'connected before a round opens',
    path: 'rounds.minimumSites',
    numeric: true,
  },
  { key: 'quorum', label: 'Quorum', hint: 'updates that commit a round', path: 'rounds.quorum', numeric: true },
  {
    key: 'deadlineHours',
    label: 'Deadline',
    hint: 'hours after a round opens',
    path: 'rounds.deadlineSeconds',
    numeric: true,
  },
  { key: 'seed', label: 'Seed', hint: 'of the initial model', path: 'initial', numeric: true },
];

/** What the schema is asked to judge; a field that is not a number becomes NaN, which it refuses by name. */
export function manifestInput(draft: Draft): unknown {
  const classNames = draft.classNames
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return {
    name: draft.name.trim(),
    classNames,
    model: {
      backbone: draft.backbone,
      width: number(draft.width),
      patch: numbers(draft.patch),
      classes: classNames.length,
    },
    spacing: numbers(draft.spacing),
    rounds: {
      count: number(draft.count),
      localSteps: number(draft.localSteps),
      minimumSites: number(draft.minimumSites),
      quorum: number(draft.quorum),
      deadlineSeconds: Math.round(number(draft.deadlineHours) * 3600),
    },
    initial: { seed: number(draft.seed) },
  };
}

/** Number('') is 0, and an empty field is not a zero. */
function number(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

function numbers(text: string): number[] {
  return text
    .trim()
    .split(/[\s,x×]+/)
    .map(number);
}
