import { ActionIcon, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import type { ReactElement } from 'react';
import { shortDigest } from '../format/size.js';
import { Icon } from './icons.js';

/** `what` completes the sentence "Copy …". */
export function CopyButton({ text, what }: { text: string; what: string }): ReactElement {
  const clipboard = useClipboard({ timeout: 2000 });
  // Browsers hand out the clipboard only to https and to this computer's own pages.
  const label = clipboard.error
    ? 'The browser forbids copying here: select the text'
    : clipboard.copied
      ? 'Copied'
      : `Copy ${what}`;
  return (
    <Tooltip label={label} withinPortal>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={label}
        className={clipboard.error ? 'tone-bad' : clipboard.copied ? 'tone-good' : 'tone-quiet'}
        onClick={() => {
          clipboard.copy(text);
        }}
      >
        <Icon name={clipboard.copied ? 'check' : 'copy'} size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

export function ShortDigest({ digest, what }: { digest: string; what: string }): ReactElement {
  return (
    <span className="copyable">
      <code title={digest}>{shortDigest(digest)}</code>
      <CopyButton text={digest} what={what} />
    </span>
  );
}
