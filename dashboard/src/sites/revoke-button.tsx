import { SiteView } from '@consilium/shared';
import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { sitesQuery } from '../api/queries.js';
import { post } from '../api/request.js';

/** Revoking cannot be undone, so the operator types the site's name. */
export function RevokeButton({ site }: { site: SiteView }): ReactElement {
  const [asking, { open, close }] = useDisclosure(false);
  const [typed, setTyped] = useState('');
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => post(`/sites/${site.id}/revoke`, SiteView),
    onSuccess: async () => {
      close();
      await client.invalidateQueries({ queryKey: sitesQuery.queryKey });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (typed === site.name) revoke.mutate();
  };
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
      <Modal
        opened={asking}
        onClose={close}
        title={`Revoke ${site.name}?`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <form onSubmit={submit}>
          <p>
            Its key stops working at once, and it takes part in no further round. What it has contributed stays. To take
            part again it must be enrolled anew.
          </p>
          <TextInput
            mt="md"
            label={`Type ${site.name} to confirm`}
            value={typed}
            autoComplete="off"
            data-autofocus
            error={revoke.error?.message}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
            }}
          />
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" className="danger" disabled={typed !== site.name} loading={revoke.isPending}>
              Revoke the site
            </Button>
          </Group>
        </form>
      </Modal>
    </>
  );
}
