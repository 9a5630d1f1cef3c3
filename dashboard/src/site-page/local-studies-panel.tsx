import { LocalStudy } from '@consilium/shared';
import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { post } from '../api/request.js';
import { ShortDigest } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { Dialog } from '../frame/dialog.js';
import { Moment } from '../frame/moment.js';
import { Answered, Blank, Panel } from '../frame/panel.js';
import { type Appearance, State } from '../frame/state.js';
import { SettingGroups } from '../studies/study-settings.js';
import { localStudiesQuery } from './site-queries.js';

const COLUMNS: readonly Column[] = [
  { title: 'Study' },
  { title: 'Digest' },
  { title: 'Offered' },
  { title: 'This site says' },
  { title: 'Decide', untitled: true },
];

const APPEARANCE: Record<'accepted' | 'declined' | 'open', Appearance> = {
  accepted: { icon: 'check', word: 'accepted', tone: 'good' },
  declined: { icon: 'cross', word: 'declined', tone: 'bad' },
  open: { icon: 'clock', word: 'to be decided', tone: 'warn' },
};

/** Studies that the server has offered; the node works for none that is not accepted here or by the command. */
export function LocalStudiesPanel(): ReactElement {
  const studies = useQuery(localStudiesQuery);
  return (
    <Panel title="Studies" flush>
      <Answered query={studies} queryKey={localStudiesQuery.queryKey} what="The studies">
        {(seen) =>
          seen.length === 0 ? (
            <Blank title="No study has been offered yet">
              <p>A running node is told of each study that its consortium makes; it is shown here, and you decide.</p>
            </Blank>
          ) : (
            <DataTable what="Studies" columns={COLUMNS}>
              {seen.map((study) => (
                <Row key={study.digest} study={study} />
              ))}
            </DataTable>
          )
        }
      </Answered>
    </Panel>
  );
}

function Row({ study }: { study: LocalStudy }): ReactElement {
  const [opened, open] = useState(false);
  return (
    <tr>
      <th scope="row">{study.manifest.name}</th>
      <td>
        <ShortDigest digest={study.digest} what={`the digest of ${study.manifest.name}`} />
      </td>
      <td>
        <Moment at={study.seenAt} />
      </td>
      <td>
        <State is={APPEARANCE[study.decision ?? 'open']} />
      </td>
      <td>
        <Button
          variant="default"
          onClick={() => {
            open(true);
          }}
        >
          Settings and decision<span className="visually-hidden"> on {study.manifest.name}</span>
        </Button>
        {opened && (
          <Decision
            study={study}
            close={() => {
              open(false);
            }}
          />
        )}
      </td>
    </tr>
  );
}

/** What is agreed to stands above the buttons that agree to it. */
function Decision({ study, close }: { study: LocalStudy; close: () => void }): ReactElement {
  const client = useQueryClient();
  const decide = useMutation({
    mutationFn: (decision: 'accepted' | 'declined') =>
      post(`/studies/${study.digest}`, LocalStudy.array(), { decision }),
    onSuccess: (studies) => {
      client.setQueryData(localStudiesQuery.queryKey, studies);
      close();
    },
  });
  const button = (decision: 'accepted' | 'declined', text: string): ReactElement => (
    <Button
      {...(decision === 'declined' && { className: 'danger' })}
      disabled={study.decision === decision}
      loading={decide.isPending && decide.variables === decision}
      onClick={() => {
        decide.mutate(decision);
      }}
    >
      {text}
    </Button>
  );
  return (
    <Dialog opened close={close} title={`Study “${study.manifest.name}”`}>
      <SettingGroups manifest={study.manifest} />
      <p>
        Whoever accepts lets this node train on its volumes for a study with exactly these settings, and lets models
        leave as far as this site’s own policy allows. What was sent before cannot be called back.
      </p>
      {decide.error !== null && (
        <p role="alert" className="tone-bad">
          {decide.error.message}
        </p>
      )}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        {button('declined', 'Decline')}
        {button('accepted', 'Accept')}
      </Group>
    </Dialog>
  );
}
