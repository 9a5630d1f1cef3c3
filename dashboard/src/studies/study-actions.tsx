import { StudyView, type StudyState } from '@consilium/shared';
import { Button, Group } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { studiesQuery, studyQuery } from '../api/queries.js';
import { post } from '../api/request.js';
import { Dialog } from '../frame/dialog.js';
import { Icon, type IconName } from '../frame/icons.js';
import { useMay } from '../session/session.js';

type Action = 'start' | 'pause' | 'resume' | 'stop';

const OFFERED: Record<StudyState, Action[]> = {
  draft: ['start'],
  running: ['pause', 'stop'],
  paused: ['resume', 'stop'],
  finished: [],
  stopped: [],
};
const WORDS: Record<Action, { label: string; icon: IconName }> = {
  start: { label: 'Start', icon: 'play' },
  pause: { label: 'Pause', icon: 'pause' },
  resume: { label: 'Resume', icon: 'play' },
  stop: { label: 'Stop', icon: 'stop' },
};

export function StudyActions({ study }: { study: StudyView }): ReactElement {
  const mayAct = useMay('operator');
  const client = useQueryClient();
  const [asking, { open, close }] = useDisclosure(false);
  const act = useMutation({
    mutationFn: (action: Action) => post(`/studies/${study.id}/${action}`, StudyView),
    onSuccess: (answer) => {
      client.setQueryData(studyQuery(study.id).queryKey, answer);
      void client.invalidateQueries({ queryKey: studiesQuery.queryKey });
    },
    onSettled: close,
  });
  return (
    <>
      {act.error !== null && (
        <span className="state tone-bad" role="alert" style={{ whiteSpace: 'normal' }}>
          <Icon name="warning" size={14} />
          {act.error.message}
        </span>
      )}
      {(mayAct ? OFFERED[study.state] : []).map((action) => (
        <Button
          key={action}
          variant={action === 'start' || action === 'resume' ? 'filled' : 'default'}
          leftSection={<Icon name={WORDS[action].icon} size={14} />}
          loading={act.isPending && act.variables === action}
          disabled={act.isPending}
          onClick={() => {
            if (action === 'stop') open();
            else act.mutate(action);
          }}
        >
          {WORDS[action].label}
        </Button>
      ))}
      <Dialog opened={asking} close={close} title={`Stop ${study.manifest.name}?`}>
        <p>
          A stopped study cannot be resumed. The round that is under way is lost; the {study.roundsCommitted} committed
          models stay. To continue later, pause it instead.
        </p>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close}>
            Keep it
          </Button>
          <Button
            className="danger"
            loading={act.isPending}
            onClick={() => {
              act.mutate('stop');
            }}
          >
            Stop the study
          </Button>
        </Group>
      </Dialog>
    </>
  );
}
