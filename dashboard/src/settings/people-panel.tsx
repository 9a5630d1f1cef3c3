import { DrawnPassword, OperatorRole, OperatorView, type LogsInBy } from '@consilium/shared';
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { post } from '../api/request.js';
import { CopyButton } from '../frame/copyable.js';
import { type Column, DataTable } from '../frame/data-table.js';
import { NONE } from '../format/figures.js';
import { Moment } from '../frame/moment.js';
import { Answered, Panel } from '../frame/panel.js';
import { useMay } from '../session/session.js';
import { loginMethodsQuery } from '../session/login-methods.js';
import { operatorsQuery } from './account-queries.js';
import { PersonActions } from './person-actions.js';

const COLUMNS: readonly Column[] = [
  { title: 'Name' },
  { title: 'Role' },
  { title: 'Logs in by' },
  { title: 'Second factor' },
  { title: 'Since' },
  { title: 'Actions', untitled: true },
];

const MEANING: Record<OperatorRole, string> = {
  viewer: 'viewer: sees',
  operator: 'operator: also runs studies, decides on sites and updates',
  auditor: 'auditor: also takes the log away, sees who may do what',
  owner: 'owner: all of it, and who may log in',
};
const WAYS: Record<LogsInBy, string> = { password: 'password', provider: 'identity provider' };
const ROLES = OperatorRole.options.map((value) => ({ value, label: MEANING[value] }));

export function PeoplePanel(): ReactElement {
  const operators = useQuery(operatorsQuery);
  const isOwner = useMay('owner');
  const [drawn, setDrawn] = useState<DrawnPassword | null>(null);
  return (
    <Panel title="People who may log in">
      {isOwner && <AddForm onDrawn={setDrawn} />}
      <div aria-live="polite">{drawn !== null && <Drawn drawn={drawn} />}</div>
      <Answered query={operators} queryKey={operatorsQuery.queryKey} what="The people who may log in">
        {(all) => (
          <DataTable what="People" columns={COLUMNS}>
            {all.map((person) => (
              <Row key={person.id} person={person} onDrawn={setDrawn} />
            ))}
          </DataTable>
        )}
      </Answered>
    </Panel>
  );
}

interface OnDrawn {
  onDrawn: (drawn: DrawnPassword) => void;
}

function AddForm({ onDrawn }: OnDrawn): ReactElement {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('viewer');
  const [logsInBy, setLogsInBy] = useState<string>('password');
  const { data: methods } = useQuery(loginMethodsQuery);
  const client = useQueryClient();
  const add = useMutation({
    mutationFn: () => post('/operators', DrawnPassword, { name, role, logsInBy }),
    onSuccess: async (drawn) => {
      setName('');
      onDrawn(drawn);
      await client.invalidateQueries({ queryKey: operatorsQuery.queryKey });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <form className="enrol" onSubmit={submit}>
      <TextInput
        label="Name of the new account"
        autoComplete="off"
        required
        withAsterisk={false}
        maxLength={100}
        value={name}
        error={add.error?.message}
        onChange={(event) => {
          setName(event.currentTarget.value);
        }}
      />
      <NativeSelect
        label="Role of the new account"
        size="sm"
        value={role}
        data={ROLES}
        onChange={(event) => {
          setRole(event.currentTarget.value);
        }}
      />
      {methods?.provider != null && (
        <NativeSelect
          label="Logs in by"
          size="sm"
          value={logsInBy}
          data={Object.entries(WAYS).map(([value, label]) => ({ value, label }))}
          onChange={(event) => {
            setLogsInBy(event.currentTarget.value);
          }}
        />
      )}
      <Button type="submit" size="sm" loading={add.isPending}>
        Make an account
      </Button>
    </form>
  );
}

function Drawn({ drawn }: { drawn: DrawnPassword }): ReactElement {
  if (drawn.password === null)
    return (
      <p className="enrolment-code">
        <span>
          Whom the identity provider calls <strong>{drawn.name}</strong> logs in there; the first who comes has the
          account.
        </span>
      </p>
    );
  return (
    <div className="enrolment-code">
      <p>
        <span>
          Password of <strong>{drawn.name}</strong>:
        </span>
        <code className="one-time">{drawn.password}</code>
        <CopyButton text={drawn.password} what="the password" />
      </p>
      <p className="dim">
        It is shown only here: hand it over on a channel you trust, to be changed at the first log-in.
      </p>
    </div>
  );
}

function Row({ person, onDrawn }: { person: OperatorView } & OnDrawn): ReactElement {
  const isOwner = useMay('owner');
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (role: string) => post(`/operators/${person.id}/role`, OperatorView, { role }),
    onSettled: () => client.invalidateQueries({ queryKey: operatorsQuery.queryKey }),
  });
  return (
    <tr>
      <th scope="row">{person.name}</th>
      <td>
        {isOwner ? (
          <NativeSelect
            size="xs"
            aria-label={`Role of ${person.name}`}
            value={person.role}
            data={OperatorRole.options}
            disabled={change.isPending}
            error={change.error?.message}
            onChange={(event) => {
              change.mutate(event.currentTarget.value);
            }}
          />
        ) : (
          person.role
        )}
      </td>
      <td>{WAYS[person.logsInBy]}</td>
      <td>{person.logsInBy === 'provider' ? NONE : person.secondFactor ? 'on' : 'off'}</td>
      <td>
        <Moment at={person.createdAt} />
      </td>
      <td className="figure">{isOwner && <PersonActions person={person} onDrawn={onDrawn} />}</td>
    </tr>
  );
}
