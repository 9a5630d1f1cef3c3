import { type Account, RecoveryCodes, SecondFactorOffer } from '@consilium/shared';
import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactElement, useState } from 'react';
import { nothing, post } from '../api/request.js';
import { Confirmation } from '../frame/confirmation.js';
import { CopyButton } from '../frame/copyable.js';
import { Fact, Facts } from '../frame/facts.js';
import { Answered, Panel } from '../frame/panel.js';
import { accountQuery } from './account-queries.js';

const CODE = /^\s*(\d\s*){6}$/;

export function AccountPanel(): ReactElement {
  const account = useQuery(accountQuery);
  return (
    <Panel title="Your account">
      <Answered query={account} queryKey={accountQuery.queryKey} what="Your account">
        {(own) => (
          <>
            <Facts>
              <Fact name="Name">{own.name}</Fact>
              <Fact name="Role">{own.role}</Fact>
              <Fact name="Second factor">{own.secondFactor ? 'on' : 'off'}</Fact>
              {own.secondFactor && <Fact name="Recovery codes left">{own.recoveryCodes}</Fact>}
            </Facts>
            <SecondFactor account={own} />
          </>
        )}
      </Answered>
    </Panel>
  );
}

/** Switching it on takes two steps: what is offered counts once a code of it has come back. */
function SecondFactor({ account }: { account: Account }): ReactElement {
  const [removing, setRemoving] = useState(false);
  const [recovery, setRecovery] = useState<string[]>([]);
  const client = useQueryClient();
  const refresh = () => client.invalidateQueries({ queryKey: accountQuery.queryKey });
  const offer = useMutation({ mutationFn: () => post('/account/second-factor', SecondFactorOffer) });
  const confirm = useMutation({
    mutationFn: (code: string) => post('/account/second-factor/confirm', RecoveryCodes, { code }),
    onSuccess: async ({ recoveryCodes }) => {
      setRecovery(recoveryCodes);
      offer.reset();
      await refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (code: string) => post('/account/second-factor/remove', nothing, { code }),
    onSuccess: async () => {
      setRemoving(false);
      setRecovery([]);
      await refresh();
    },
  });
  return (
    <div aria-live="polite">
      {account.secondFactor ? (
        <Button
          mt="md"
          variant="default"
          onClick={() => {
            remove.reset();
            setRemoving(true);
          }}
        >
          Switch the second factor off
        </Button>
      ) : (
        <Button
          mt="md"
          loading={offer.isPending}
          onClick={() => {
            confirm.reset();
            offer.mutate();
          }}
        >
          Switch a second factor on
        </Button>
      )}
      {offer.error !== null && <p className="tone-bad">{offer.error.message}</p>}
      {recovery.length > 0 && <Recovery codes={recovery} />}
      {offer.data !== undefined && (
        <Confirmation
          opened
          close={offer.reset}
          title="Switch a second factor on"
          field={{ label: 'Code that the app shows', suffices: (typed) => CODE.test(typed) }}
          action="Switch it on"
          busy={confirm.isPending}
          error={confirm.error}
          confirm={confirm.mutate}
        >
          <Secret offer={offer.data} />
        </Confirmation>
      )}
      <Confirmation
        opened={removing}
        close={() => {
          setRemoving(false);
        }}
        title="Switch the second factor off?"
        field={{ label: 'Code that the app shows, or a recovery code', suffices: (typed) => typed.trim().length >= 6 }}
        action="Switch it off"
        danger
        busy={remove.isPending}
        error={remove.error}
        confirm={remove.mutate}
      >
        <p>From then on your password alone lets in whoever has it.</p>
      </Confirmation>
    </div>
  );
}

function Secret({ offer }: { offer: SecondFactorOffer }): ReactElement {
  const grouped = offer.secret.replace(/(.{4})(?=.)/g, '$1 ');
  return (
    <>
      <p>Enter this key in an authenticator app, as one that counts by time:</p>
      <p className="command">
        <code>{grouped}</code>
        <CopyButton text={offer.secret} what="the key" />
      </p>
      <p>
        <a href={offer.uri}>Open it in an app on this device</a>
      </p>
    </>
  );
}

function Recovery({ codes }: { codes: string[] }): ReactElement {
  return (
    <div className="enrolment-code">
      <p>
        <span>Recovery codes, shown only here. Each lets you in once, should the app be lost:</span>
        <CopyButton text={codes.join('\n')} what="the recovery codes" />
      </p>
      <ul className="recovery-codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}
