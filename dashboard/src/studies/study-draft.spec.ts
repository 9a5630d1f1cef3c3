import { StudyManifest } from '@consilium/shared';
import { describe, expect, it } from 'vitest';
import { BLANK_DRAFT, FIELDS, manifestInput } from './study-draft.js';

describe('manifestInput', () => {
  it('makes a valid study of the blank form once it has a name', () => {
    const study = StudyManifest.parse(
      manifestInput({ ...BLANK_DRAFT, name: ' Pancreas ', classNames: 'background, pancreas, tumour' }),
    );
    expect(study).toMatchObject({
      name: 'Pancreas',
      model: { classes: 3, patch: [112, 112, 80] },
      rounds: { deadlineSeconds: 86_400 },
    });
  });

  it.each(FIELDS.filter((field) => field.key !== 'backbone').map((field) => [field.key, field.path] as const))(
    'reports an empty %s at its own field',
    (key, path) => {
      const judged = StudyManifest.safeParse(manifestInput({ ...BLANK_DRAFT, name: 'Pancreas', [key]: '' }));
      expect(judged.error?.issues.some((issue) => issue.path.join('.').startsWith(path))).toBe(true);
    },
  );
});
