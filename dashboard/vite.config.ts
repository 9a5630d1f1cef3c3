import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npm run dev -w dashboard` speaks to a server on its default port; a build is served by the server itself. */
const SERVER = 'http://127.0.0.1:8400';

export default defineConfig({
  plugins: [react()],
  // The server's content security policy has no data: scripts or fonts; small pictures may stay inline.
  build: {
    target: 'es2023',
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // The server serves the first, a site's node the second.
    rolldownOptions: { input: ['index.html', 'site.html'] },
    // The volume viewer, which is fetched when a volume is opened.
    chunkSizeWarningLimit: 2_000,
  },
  server: { proxy: { '/api': SERVER, '/socket.io': { target: SERVER, ws: true } } },
});
