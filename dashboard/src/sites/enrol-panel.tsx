import { EnrolmentCode, SiteName } from '@consilium/shared';
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { post } from '../api/request.js';
import { CopyButton } from '../frame/copyable.js';
import { Countdown } from '../frame/moment.js';
import { Panel } from '../frame/panel.js';

const ROLES = [
  { value: 'trainer', label: 'trainer: trains on its volumes' },
  { value: 'observer', label: 'observer: only evaluates models' },
];

export function EnrolPanel(): ReactElement {
  const [name, setName] = useState('');
  const [role, setRole] = useState('trainer');
  const [problem, setProblem] = useState<string | null>(null);
  const create = useMutation({
    mutationFn: (site: { name: string; role: string }) => post('/enrolment-codes', EnrolmentCode, site),
    onSuccess: () => {
      setName('');
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const judged = SiteName.safeParse(name.trim());
    setProblem(judged.success ? null : 'A site name is 1 to 40 of a-z, 0-9 and -, and does not start with -.');
    if (judged.success) create.mutate({ name: judged.data, role });
  };
  return (
    <Panel title="Enrol a site">
      <form className="enrol" onSubmit={submit} noValidate>
        <TextInput
          label="Site name"
          placeholder="st-anna"
          autoComplete="off"
          value={name}
          error={problem ?? create.error?.message}
          onChange={(event) => {
            setName(event.currentTarget.value);
          }}
        />
        <NativeSelect
          label="Role"
          size="sm"
          value={role}
          data={ROLES}
          onChange={(event) => {
            setRole(event.currentTarget.value);
          }}
        />
        <Button type="submit" size="sm" loading={create.isPending}>
          Create a code
        </Button>
      </form>
      <div aria-live="polite">{create.data !== undefined && <Code code={create.data} />}</div>
    </Panel>
  );
}

function Code({ code }: { code: EnrolmentCode }): ReactElement {
  const command = `consilium-node enrol ${window.location.origin} ${code.code}`;
  return (
    <div className="enrolment-code">
      <p>
        <span>
          Code for <strong>{code.name}</strong>:
        </span>
        <code className="one-time">{code.code}</code>
        <CopyButton text={code.code} what="the code" />
      </p>
      <p>On the site's computer, run</p>
      <p className="command">
        <code>{command}</code>
        <CopyButton text={command} what="the command" />
      </p>
      <p className="dim">
        It works once and expires <Countdown to={code.expiresAt} />. It is shown only here: hand it to the site over a
        channel you trust.
      </p>
    </div>
  );
}
