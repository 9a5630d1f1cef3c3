import '@mantine/core/styles.css';
import './styles/index.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { keepLive } from './api/live.js';
import { queryClient } from './api/queries.js';
import { theme, variables } from './frame/theme.js';
import { router } from './router.js';
import { currentSession, subscribeToSession } from './session/session.js';

const element = document.getElementById('root');
if (element === null) throw new Error('index.html: expected an element with id "root"');

keepLive(queryClient);
subscribeToSession(() => {
  // The next person at this screen must not see what the last one loaded.
  if (currentSession() === null) queryClient.clear();
  void router.invalidate();
});

createRoot(element).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
