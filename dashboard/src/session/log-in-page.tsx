import { LoginAnswer } from '@consilium/shared';
import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { adviceOn, Failure } from '../api/failure.js';
import { post } from '../api/request.js';
import { Icon } from '../frame/icons.js';
import { ProviderLogIn } from './provider-log-in.js';
import { beginSession, sessionEnding } from './session.js';

export function LogInPage(): ReactElement {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  /** Null until the server asks for one. */
  const [code, setCode] = useState<string | null>(null);
  const logIn = useMutation({
    mutationFn: () =>
      post('/login', LoginAnswer, { name: name.trim(), password, ...(code !== null && { code: code.trim() }) }),
    onError: (error) => {
      if (asksForCode(error)) setCode('');
    },
    onSuccess: (answer) => {
      beginSession(answer);
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    logIn.mutate();
  };
  const ending = sessionEnding();
  return (
    <main className="log-in">
      <form className="panel" onSubmit={submit}>
        <div className="brand">
          <img src="/favicon.svg" alt="" width={28} height={28} />
          <h1>Log in to Consilium</h1>
        </div>
        {ending !== null && logIn.isIdle && (
          <p className="state tone-warn" role="status" style={{ whiteSpace: 'normal' }}>
            <Icon name="clock" />
            {ending}
          </p>
        )}
        <TextInput
          label="Operator name"
          autoComplete="username"
          required
          withAsterisk={false}
          autoFocus
          maxLength={100}
          value={name}
          onChange={(event) => {
            setName(event.currentTarget.value);
          }}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          maxLength={200}
          value={password}
          onChange={(event) => {
            setPassword(event.currentTarget.value);
          }}
        />
        {code !== null && (
          <TextInput
            label="Code of your authenticator app"
            description="Or one of your recovery codes"
            autoComplete="one-time-code"
            required
            withAsterisk={false}
            autoFocus
            minLength={6}
            maxLength={40}
            value={code}
            onChange={(event) => {
              setCode(event.currentTarget.value);
            }}
          />
        )}
        {logIn.error !== null && !asksForCode(logIn.error) && (
          <p className="state tone-bad" role="alert" style={{ whiteSpace: 'normal', alignItems: 'flex-start' }}>
            <Icon name="warning" />
            <span>{explain(logIn.error)}</span>
          </p>
        )}
        <Button type="submit" size="sm" loading={logIn.isPending}>
          Log in
        </Button>
        <ProviderLogIn />
      </form>
    </main>
  );
}

function asksForCode(error: Error): boolean {
  return error instanceof Failure && error.code === 'code-needed';
}

function explain(error: Error): string {
  // A wrong name or password explains itself; an absent server does not.
  return error instanceof Failure && error.kind === 'refused' ? error.message : `${error.message} ${adviceOn(error)}`;
}
