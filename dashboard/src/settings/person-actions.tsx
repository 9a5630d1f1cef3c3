import { DrawnPassword, type OperatorView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { nothing, post } from '../api/request.js';
import { Confirmation } from '../frame/confirmation.js';
import { operatorsQuery } from './account-queries.js';

type Action = 'reset' | 'remove';

const ASKED: Record<Action, { label: string; text: string }> = {
  reset: {
    label: 'Reset',
    text: 'A new password is drawn and the second factor is switched off. Whoever is logged in with this account is not any more.',
  },
  remove: {
    label: 'Remove',
    text: 'The account lets nobody in any more, from the next request on. What was done with it stays in the log.',
  },
};

interface PersonActionsProps {
  person: OperatorView;
  onDrawn: (drawn: DrawnPassword) => void;
}

export function PersonActions({ person, onDrawn }: PersonActionsProps): ReactElement {
  const [asking, setAsking] = useState<Action | null>(null);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: async (action: Action) => {
      const path = `/operators/${person.id}/${action}`;
      if (action === 'reset') onDrawn(await post(path, DrawnPassword));
      else await post(path, nothing);
    },
    onSuccess: async () => {
      setAsking(null);
      await client.invalidateQueries({ queryKey: operatorsQuery.queryKey });
    },
  });
  return (
    <>
      {(['reset', 'remove'] as const).map((action) => (
        <Button
          key={action}
          variant="subtle"
          size="compact-xs"
          color="gray"
          className="tone-quiet"
          aria-label={`${ASKED[action].label} ${person.name}`}
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
          opened
          close={() => {
            setAsking(null);
          }}
          title={`${ASKED[asking].label} ${person.name}?`}
          field={{ label: `Type ${person.name} to confirm`, suffices: (typed) => typed === person.name }}
          action={`${ASKED[asking].label} the account`}
          danger
          busy={act.isPending}
          error={act.error}
          confirm={() => {
            act.mutate(asking);
          }}
        >
          <p>{ASKED[asking].text}</p>
        </Confirmation>
      )}
    </>
  );
}
