import { type ModelLineage, ReleaseState } from '@consilium/shared';
import { Button, Checkbox } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, type ReactNode, useState } from 'react';
import { releaseQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { Confirmation } from '../frame/confirmation.js';

type Action = 'sign-off' | 'promote' | 'roll-back';

interface Asked {
  label: string;
  title: (version: number) => string;
  field: string;
  needsWords: boolean;
  text: string;
}

const ASKED: Record<Action, Asked> = {
  'sign-off': {
    label: 'Sign off',
    title: (version) => `Sign off version ${version}?`,
    field: 'What you vouch for',
    needsWords: true,
    text: 'Your name and these words go into the log, for good. A study may ask for several people before a version is released.',
  },
  promote: {
    label: 'Promote',
    title: (version) => `Promote version ${version}?`,
    field: 'Reason (may be left out)',
    needsWords: false,
    text: 'Sites predict with this version from then on. It is refused where a site would lose more Dice than the study tolerates.',
  },
  'roll-back': {
    label: 'Roll back',
    title: (version) => `Roll back from version ${version}?`,
    field: 'Reason (may be left out)',
    needsWords: false,
    text: 'Sites predict with the version before it again.',
  },
};

/** What an operator may do about the release of a version: each asks once more, and says why in the log. */
export function ReleaseActions({ model, release }: { model: ModelLineage; release: ReleaseState }): ReactElement {
  const { studyId, version } = model;
  const [asking, setAsking] = useState<Action | null>(null);
  const [unmeasured, setUnmeasured] = useState(false);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: ({ action, words }: { action: Action; words: string }) => {
      const reason = words.trim() === '' ? null : words.trim();
      if (action === 'roll-back') return post(`/studies/${studyId}/release/roll-back`, ReleaseState, { reason });
      const body =
        action === 'sign-off' ? { statement: words.trim() } : { reason, unmeasured: unmeasured ? 'accept' : 'refuse' };
      return post(`/studies/${studyId}/models/${String(version)}/${action}`, ReleaseState, body);
    },
    onSuccess: (state) => {
      client.setQueryData(releaseQuery(studyId).queryKey, state);
      setAsking(null);
    },
  });
  const isInUse = release.released?.version === version;
  const offered: Action[] = isInUse
    ? ['sign-off', ...(release.history.length > 1 ? ['roll-back' as const] : [])]
    : ['sign-off', 'promote'];
  const more: ReactNode = asking === 'promote' && (
    <Checkbox
      mt="md"
      label="Also where a site has not measured it yet"
      checked={unmeasured}
      onChange={(event) => {
        setUnmeasured(event.currentTarget.checked);
      }}
    />
  );
  return (
    <>
      {offered.map((action) => (
        <Button
          key={action}
          variant="default"
          onClick={() => {
            act.reset();
            setAsking(action);
          }}
        >
          {ASKED[action].label}
        </Button>
      ))}
      {asking !== null && (
        <Confirmation
          key={asking}
          opened
          close={() => {
            setAsking(null);
          }}
          title={ASKED[asking].title(version)}
          field={{
            label: ASKED[asking].field,
            suffices: (typed) => !ASKED[asking].needsWords || typed.trim() !== '',
          }}
          action={ASKED[asking].label}
          busy={act.isPending}
          error={act.error}
          confirm={(words) => {
            act.mutate({ action: asking, words });
          }}
        >
          <p>{ASKED[asking].text}</p>
          {more}
        </Confirmation>
      )}
    </>
  );
}
