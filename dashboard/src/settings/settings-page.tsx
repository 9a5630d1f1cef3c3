import type { ReactElement } from 'react';
import { useMay } from '../session/session.js';
import { AccountPanel } from './account-panel.js';
import { PasswordPanel } from './password-panel.js';
import { PeoplePanel } from './people-panel.js';

/** One's own account, and for those who may see it, everybody's. */
export function SettingsPage(): ReactElement {
  const maySeePeople = useMay('auditor');
  return (
    <div className="page">
      <div className="page-head">
        <h1>Settings</h1>
      </div>
      <AccountPanel />
      <PasswordPanel />
      {maySeePeople && <PeoplePanel />}
    </div>
  );
}
