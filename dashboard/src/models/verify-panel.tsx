import { digestOfBytes, digestOfJson, type ModelLineage, StudyView } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { download, get } from '../api/request.js';
import { Icon } from '../frame/icons.js';
import { Panel } from '../frame/panel.js';
import { State } from '../frame/state.js';

interface Check {
  what: string;
  expected: string;
  got: string;
}

/** Recomputes in this browser what the server claims: it is believed in nothing but the bytes that it sends. */
export function VerifyPanel({ model }: { model: ModelLineage }): ReactElement {
  const verify = useMutation({ mutationFn: () => checksOf(model) });
  const wrong = verify.data?.filter(({ expected, got }) => expected !== got) ?? [];
  return (
    <Panel
      title="Verify"
      actions={
        <Button
          variant="default"
          leftSection={<Icon name="seal" size={14} />}
          loading={verify.isPending}
          onClick={() => {
            verify.mutate();
          }}
        >
          Verify in this browser
        </Button>
      }
    >
      <div className="verdicts" aria-live="polite">
        {verify.data === undefined && verify.error === null && (
          <p className="dim">
            Fetches the model and its settings and computes their digests anew, here and not at the server.
          </p>
        )}
        {verify.error !== null && <p className="tone-bad">{verify.error.message}</p>}
        {verify.data !== undefined && (
          <p>
            <State
              is={
                wrong.length === 0
                  ? { icon: 'check', word: 'Everything is what it claims to be', tone: 'good' }
                  : { icon: 'cross', word: `${wrong.length} of ${verify.data.length} checks failed`, tone: 'bad' }
              }
            />
          </p>
        )}
        {verify.data?.map(({ what, expected, got }) => (
          <p key={what} className={expected === got ? 'dim' : 'tone-bad'}>
            {what}: {expected === got ? 'computed' : `expected ${expected}, got`}{' '}
            <code className="wrapping">{got}</code>
          </p>
        ))}
      </div>
    </Panel>
  );
}

async function checksOf({ blob, studyId }: ModelLineage): Promise<Check[]> {
  const file = new Uint8Array(await (await download(`/blobs/${blob.digest}`)).arrayBuffer());
  const study = await get(`/studies/${studyId}`, StudyView);
  return [
    { what: 'SHA-256 of the model', expected: blob.digest, got: digestOfBytes(file) },
    { what: 'SHA-256 of the settings, as canonical JSON', expected: study.digest, got: digestOfJson(study.manifest) },
  ];
}
