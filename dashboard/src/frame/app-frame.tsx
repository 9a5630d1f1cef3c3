import {
  ActionIcon,
  AppShell,
  Burger,
  Button,
  NavLink,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import type { ReactElement } from 'react';
import { endSession, useSession } from '../session/session.js';
import { ConnectionBanner, ConnectionPill } from './connection.js';
import { Icon, type IconName } from './icons.js';

interface Place {
  to: '/' | '/studies' | '/sites' | '/models' | '/audit' | '/settings';
  label: string;
  icon: IconName;
  /** Paths below it that belong to it. */
  owns: RegExp;
}

const PLACES: Place[] = [
  { to: '/', label: 'Overview', icon: 'overview', owns: /^\/$/ },
  { to: '/studies', label: 'Studies', icon: 'study', owns: /^\/(studies|rounds|compare)(\/|$)/ },
  { to: '/sites', label: 'Sites', icon: 'site', owns: /^\/sites(\/|$)/ },
  { to: '/models', label: 'Models', icon: 'model', owns: /^\/models(\/|$)/ },
  { to: '/audit', label: 'Audit', icon: 'audit', owns: /^\/audit(\/|$)/ },
  { to: '/settings', label: 'Settings', icon: 'settings', owns: /^\/settings(\/|$)/ },
];

export function AppFrame(): ReactElement {
  const [open, { toggle, close }] = useDisclosure(false);
  return (
    <AppShell
      layout="alt"
      header={{ height: 52 }}
      navbar={{ width: 196, breakpoint: 'sm', collapsed: { mobile: !open } }}
      transitionDuration={0}
    >
      <a
        className="skip-link"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('content')?.focus();
        }}
      >
        Skip to the content
      </a>
      <AppShell.Header className="frame-header">
        <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" aria-expanded={open} />
        <ConnectionPill />
        <span className="spacer" />
        <UserArea />
      </AppShell.Header>
      <AppShell.Navbar className="frame-navigation" aria-label="Main">
        <div className="brand">
          <img src="/favicon.svg" alt="" width={24} height={24} />
          <span>Consilium</span>
          <span className="spacer" />
          <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Close the navigation" />
        </div>
        <Places close={close} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <ConnectionBanner />
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}

function Places({ close }: { close: () => void }): ReactElement {
  const path = useLocation({ select: (location) => location.pathname });
  return (
    <>
      {PLACES.map((place) => {
        const here = place.owns.test(path);
        return (
          <NavLink
            key={place.to}
            renderRoot={(props) => <Link to={place.to} {...props} />}
            label={place.label}
            leftSection={<Icon name={place.icon} />}
            active={here}
            aria-current={here ? 'page' : undefined}
            onClick={close}
          />
        );
      })}
    </>
  );
}

function UserArea(): ReactElement {
  const session = useSession();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light') === 'dark';
  const label = dark ? 'Use the light appearance' : 'Use the dark appearance';
  return (
    <>
      <Tooltip label={label}>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={label}
          className="tone-quiet"
          onClick={() => {
            setColorScheme(dark ? 'light' : 'dark');
          }}
        >
          <Icon name={dark ? 'sun' : 'moon'} />
        </ActionIcon>
      </Tooltip>
      <span className="user" title={`Logged in as ${session?.role ?? 'nobody'}`}>
        {session?.name} <span className="dim">{session?.role}</span>
      </span>
      <Button
        variant="default"
        leftSection={<Icon name="leave" size={14} />}
        onClick={() => {
          endSession(null);
        }}
      >
        Log out
      </Button>
    </>
  );
}
