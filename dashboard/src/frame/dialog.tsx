import { Modal } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';

interface DialogProps {
  opened: boolean;
  close: () => void;
  title: string;
  children: ReactNode;
}

/** Mantine's modal in its parts: its header would be a second banner of the page to screen readers. */
export function Dialog({ opened, close, title, children }: DialogProps): ReactElement {
  return (
    <Modal.Root opened={opened} onClose={close} centered transitionProps={{ duration: 0 }}>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Header role="presentation">
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Modal.Header>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
