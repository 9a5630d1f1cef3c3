import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { nothing, post } from '../api/request.js';
import { Panel } from '../frame/panel.js';

const SHORTEST = 8;

export function PasswordPanel(): ReactElement {
  const [password, setPassword] = useState('');
  const [next, setNext] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const change = useMutation({
    mutationFn: () => post('/account/password', nothing, { password, next }),
    onSuccess: () => {
      setPassword('');
      setNext('');
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const isShort = next.length < SHORTEST;
    setProblem(isShort ? `A password has at least ${String(SHORTEST)} characters.` : null);
    if (!isShort) change.mutate();
  };
  return (
    <Panel title="Your password">
      <form className="settings-form" onSubmit={submit}>
        <PasswordInput
          label="Present password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          maxLength={200}
          value={password}
          error={change.error?.message}
          onChange={(event) => {
            setPassword(event.currentTarget.value);
          }}
        />
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          required
          withAsterisk={false}
          maxLength={200}
          value={next}
          error={problem}
          onChange={(event) => {
            setNext(event.currentTarget.value);
          }}
        />
        <Button type="submit" size="sm" loading={change.isPending}>
          Change the password
        </Button>
      </form>
      <p role="status" className="dim">
        {change.isSuccess
          ? 'The password is changed; you are logged out everywhere else.'
          : 'Changing it logs you out everywhere else.'}
      </p>
    </Panel>
  );
}
