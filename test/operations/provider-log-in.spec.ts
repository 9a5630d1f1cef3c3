import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrawnPassword, OperatorClient, OperatorView, type ErrorAnswer, type LogEvent } from '@consilium/shared';
import { Provider } from 'oidc-provider';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityViolations, CHROMIUM, launchChromium } from '../support/chromium.js';
import { OPERATOR, ServerProcess } from '../support/server-process.js';

const MIA = 'mia@example.org';

/** A provider whose people log in by any name; what stands after a + makes another person with the same address. */
async function startProvider(redirect: string): Promise<{ issuer: string; server: Server }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'consilium', client_secret: 'a secret of the two', redirect_uris: [redirect] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['only for this test'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id.split('+')[0], email_verified: !id.endsWith('+unverified') }),
    }),
  });
  server.on('request', (request, response) => void provider.callback()(request, response));
  return { issuer, server };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.runIf(existsSync(CHROMIUM))('A11 people log in at an identity provider', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'consilium-oidc-'));
  let provider: Server;
  let server: ServerProcess;
  let operator: OperatorClient;
  let browser: Browser;
  beforeAll(async () => {
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const started = await startProvider(`${publicUrl}/api/v1/login/oidc/callback`);
    provider = started.server;
    server = await ServerProcess.start(home, port, {
      environment: {
        CONSILIUM_PUBLIC_URL: publicUrl,
        CONSILIUM_OIDC_ISSUER: started.issuer,
        CONSILIUM_OIDC_CLIENT_ID: 'consilium',
        CONSILIUM_OIDC_CLIENT_SECRET: 'a secret of the two',
        CONSILIUM_OIDC_LABEL: 'St. Anna',
      },
    });
    operator = await OperatorClient.logIn(server.url, OPERATOR);
    browser = await launchChromium();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
    provider.closeAllConnections();
    provider.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** Through the provider's own pages, in a browser that has been nowhere; `look` sees our page before and after. */
  async function logIn(as: string, look: (page: Page, handover: string | null) => Promise<void>): Promise<void> {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      let handover: string | null = null;
      page.on('response', (response) => {
        const location = new Map(Object.entries(response.headers())).get('location');
        if (location?.startsWith('/login#')) handover = new URLSearchParams(location.split('#')[1]).get('handover');
      });
      await page.goto(`${server.url}/login`);
      await page.getByRole('link', { name: 'Log in by St. Anna' }).click();
      await page.locator('input[name=login]').fill(as);
      await page.locator('input[name=password]').fill('any');
      await page.locator('button[type=submit]').click();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(`${server.url}/**`);
      await look(page, handover);
    } finally {
      await context.close();
    }
  }
  const told = async (type: LogEvent['type']) => {
    const text = await new Response(await operator.open('/log/export')).text();
    const lines = text.trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as LogEvent).filter((event) => event.type === type);
  };

  it('only where an owner has made them an account', async () => {
    await logIn(MIA, async (page) => {
      await page.getByText('The identity provider knows you, and no account here is yours').waitFor();
      expect(await accessibilityViolations(page)).toEqual([]);
    });
    expect(await told('log-in-refused')).toMatchObject([{ operator: null }]);
  });

  it('and then without a password of ours; what brings the session back is good once', async () => {
    const account = { name: MIA, role: 'auditor', logsInBy: 'provider' };
    expect(await operator.post('/operators', DrawnPassword, account)).toEqual({ name: MIA, password: null });
    await logIn(MIA, async (page, handover) => {
      await page.getByText(`${MIA} auditor`).waitFor();
      expect(page.url()).not.toContain('handover');
      const again = await fetch(`${server.url}/api/v1/login/oidc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ handover }),
      });
      expect([again.status, ((await again.json()) as ErrorAnswer).code]).toEqual([401, 'login-refused']);
    });
    expect((await told('operator-logged-in')).at(-1)).toMatchObject({ actor: { name: MIA }, method: 'oidc' });
    const people = await operator.get('/operators', OperatorView.array());
    expect(people.find(({ name }) => name === MIA)).toMatchObject({ logsInBy: 'provider', secondFactor: false });
    await expect(OperatorClient.logIn(server.url, { name: MIA, password: 'any' })).rejects.toThrow('is wrong');
  });

  it('as themselves: another person under the same address has no account, nor has an address that nobody has verified', async () => {
    await logIn(`${MIA}+another`, async (page) => {
      await page.getByText('no account here is yours').waitFor();
    });
    await logIn(`noa@example.org+unverified`, async (page) => {
      await page.getByText('came to nothing').waitFor();
    });
  });

  it('and by nobody else’s ticket: an answer that this browser has not asked for is none', async () => {
    const forged = await fetch(`${server.url}/api/v1/login/oidc/callback?code=abc&state=def`, { redirect: 'manual' });
    expect([forged.status, forged.headers.get('location')]).toEqual([302, '/login#problem=not-identified']);
    const start = await fetch(`${server.url}/api/v1/login/oidc/start`, { redirect: 'manual' });
    const cookie = start.headers.get('set-cookie')!;
    expect(cookie).toMatch(/HttpOnly; SameSite=Lax/);
    const asked = new URL(start.headers.get('location')!).searchParams;
    expect([asked.get('code_challenge_method'), asked.get('response_type')]).toEqual(['S256', 'code']);
    const other = await fetch(`${server.url}/api/v1/login/oidc/callback?code=abc&state=def`, {
      redirect: 'manual',
      headers: { cookie: cookie.split(';')[0] },
    });
    expect(other.headers.get('location')).toBe('/login#problem=not-identified');
  });
});
