import { SiteView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { sitesQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { Confirmation } from '../frame/confirmation.js';

/** The operator types what the site's people read out: whoever else used the code has another key. */
export function ApproveButton({ site }: { site: SiteView }): ReactElement {
  const [asking, { open, close }] = useDisclosure(false);
  const client = useQueryClient();
  const approve = useMutation({
    mutationFn: (fingerprint: string) => post(`/sites/${site.id}/approve`, SiteView, { fingerprint }),
    onSuccess: async () => {
      close();
      await client.invalidateQueries({ queryKey: sitesQuery.queryKey });
    },
  });
  return (
    <>
      <Button size="compact-xs" aria-label={`Approve ${site.name}`} onClick={open}>
        Approve
      </Button>
      <Confirmation
        opened={asking}
        close={close}
        title={`Approve ${site.name}?`}
        field={{
          label: 'Fingerprint that the site reads out',
          suffices: (typed) => typed.trim().length > 0,
        }}
        action="Approve the site"
        busy={approve.isPending}
        error={approve.error}
        confirm={(typed) => {
          approve.mutate(typed.trim());
        }}
      >
        <p>
          Call the site. Its node shows a fingerprint after enrolling: type it as it is read to you. It matches only if
          the key that enrolled is theirs.
        </p>
      </Confirmation>
    </>
  );
}
