import '@mantine/core/styles.css';
import '../styles/index.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from '../api/queries.js';
import { theme, variables } from '../frame/theme.js';
import { beginSession } from '../session/session.js';
import { SiteApp } from './site-app.js';

const element = document.getElementById('root');
if (element === null) throw new Error('site.html: expected an element with id "root"');

/** The address that the node has printed carries the key to this page; it does not stay in the address bar. */
const token = window.location.hash.slice(1);
if (token !== '') {
  const expiresAt = new Date(Date.now() + 365 * 24 * 3_600_000).toISOString();
  beginSession({ name: 'this site', role: 'owner', token, expiresAt });
  window.history.replaceState(null, '', window.location.pathname);
}

createRoot(element).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <SiteApp />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
