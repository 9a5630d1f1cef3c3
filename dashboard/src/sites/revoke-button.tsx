import { SiteView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { sitesQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { Confirmation } from '../frame/confirmation.js';

/** Revoking cannot be undone, so the operator types the site's name. */
export function RevokeButton({ site }: { site: SiteView }): ReactElement {
  const [asking, { open, close }] = useDisclosure(false);
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => post(`/sites/${site.id}/revoke`, SiteView),
    onSuccess: async () => {
      close();
      await client.invalidateQueries({ queryKey: sitesQuery.queryKey });
    },
  });
  return (
    <>
      <Button
        variant="subtle"
        size="compact-xs"
        color="gray"
        className="tone-quiet"
        aria-label={`Revoke ${site.name}`}
        onClick={open}
      >
        Revoke
      </Button>
      <Confirmation
        opened={asking}
        close={close}
        title={`Revoke ${site.name}?`}
        field={{ label: `Type ${site.name} to confirm`, suffices: (typed) => typed === site.name }}
        action="Revoke the site"
        danger
        busy={revoke.isPending}
        error={revoke.error}
        confirm={() => {
          revoke.mutate();
        }}
      >
        <p>
          Its key stops working at once, and it takes part in no further round. What it has contributed stays. To take
          part again it must be enrolled anew.
        </p>
      </Confirmation>
    </>
  );
}
