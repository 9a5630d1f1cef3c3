import { Button, Group, TextInput } from '@mantine/core';
import { type ReactElement, type ReactNode, type SubmitEvent, useState } from 'react';
import { Dialog } from './dialog.js';

interface ConfirmationProps {
  opened: boolean;
  close: () => void;
  title: string;
  children: ReactNode;
  /** What has to be typed, and whether what was typed will do. */
  field: { label: string; suffices: (typed: string) => boolean };
  action: string;
  danger?: boolean;
  busy: boolean;
  error: Error | null;
  confirm: (typed: string) => void;
}

/** A question that is answered by typing, not by a click that slipped. */
export function Confirmation(props: ConfirmationProps): ReactElement {
  const { opened, close, title, children, field, action, danger = false, busy, error, confirm } = props;
  const [typed, setTyped] = useState('');
  const enough = field.suffices(typed);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (enough) confirm(typed);
  };
  return (
    <Dialog opened={opened} close={close} title={title}>
      <form onSubmit={submit}>
        {children}
        <TextInput
          mt="md"
          label={field.label}
          value={typed}
          autoComplete="off"
          data-autofocus
          error={error?.message}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" {...(danger && { className: 'danger' })} disabled={!enough} loading={busy}>
            {action}
          </Button>
        </Group>
      </form>
    </Dialog>
  );
}
