import { RoundView } from '@consilium/shared';
import { Button, Group } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { roundQuery, studyRoundsQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { useMay } from '../session/session.js';

/** A person's word on an update that stands out: into the aggregate, or not. */
export function Decision({ site, updateId }: { site: string; updateId: string }): ReactElement | null {
  const mayDecide = useMay('operator');
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: (decision: 'release' | 'refuse') => post(`/updates/${updateId}/${decision}`, RoundView),
    onSuccess: async (round) => {
      await client.invalidateQueries({ queryKey: roundQuery(round.id).queryKey });
      await client.invalidateQueries({ queryKey: studyRoundsQuery(round.studyId).queryKey });
    },
  });
  const button = (decision: 'release' | 'refuse', label: string): ReactElement => (
    <Button
      size="compact-xs"
      variant="default"
      aria-label={`${label} the update of ${site}`}
      loading={decide.isPending && decide.variables === decision}
      disabled={decide.isPending}
      onClick={() => {
        decide.mutate(decision);
      }}
    >
      {label}
    </Button>
  );
  if (!mayDecide) return null;
  return (
    <Group gap="xs" component="span" display="inline-flex">
      {button('release', 'Release')}
      {button('refuse', 'Refuse')}
      {decide.error !== null && (
        <span className="tone-bad" role="alert">
          {decide.error.message}
        </span>
      )}
    </Group>
  );
}
