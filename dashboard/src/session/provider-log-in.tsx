import { LoginAnswer, LogInProblem } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactElement, useEffect } from 'react';
import { post } from '../api/request.js';
import { Icon } from '../frame/icons.js';
import { loginMethodsQuery } from './login-methods.js';
import { beginSession } from './session.js';

const SENTENCES: Record<LogInProblem, string> = {
  'no-account': 'The identity provider knows you, and no account here is yours: ask an owner of this server for one.',
  'not-identified': 'The log-in at the identity provider came to nothing. Try again.',
  'provider-away': 'The identity provider does not answer. Try again later, or log in by password.',
};

/** The way to a house's own log-in and back: what comes back stands in the address's fragment and is traded for a session. */
export function ProviderLogIn(): ReactElement | null {
  const { data: methods } = useQuery(loginMethodsQuery);
  const { mutate, error, isPending } = useMutation({
    mutationFn: (handover: string) => post('/login/oidc', LoginAnswer, { handover }),
    onSuccess: beginSession,
  });
  const back = new URLSearchParams(location.hash.slice(1));
  const handover = back.get('handover');
  const problem = LogInProblem.safeParse(back.get('problem')).data;
  useEffect(() => {
    if (handover === null) return;
    // It is good for one use: a reload must not try it again.
    history.replaceState(history.state, '', location.pathname + location.search);
    mutate(handover);
  }, [handover, mutate]);
  if (methods?.provider == null) return null;
  const sentence = error?.message ?? (problem && SENTENCES[problem]);
  return (
    <>
      {sentence !== undefined && (
        <p className="state tone-bad" role="alert" style={{ whiteSpace: 'normal', alignItems: 'flex-start' }}>
          <Icon name="warning" />
          <span>{sentence}</span>
        </p>
      )}
      <Button component="a" href="/api/v1/login/oidc/start" variant="default" size="sm" loading={isPending}>
        Log in by {methods.provider}
      </Button>
    </>
  );
}
