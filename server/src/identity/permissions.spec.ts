import 'reflect-metadata';
import {
  CONTROL_LINE,
  OperatorRole,
  type EnrolmentCode,
  type ErrorAnswer,
  type LoginAnswer,
  type ProvenRequest,
} from '@consilium/shared';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { io } from 'socket.io-client';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LightSite } from '../simulation/light-site.js';
import { FakeSite } from '../testing/fake-site.js';
import { TestServer } from '../testing/test-server.js';
import { OperatorsService } from './operators.service.js';

const ROLES = OperatorRole.options;
const CALLERS = ['nobody', ...ROLES, 'waiting site', 'site'] as const;
type Caller = (typeof CALLERS)[number];

/** Everything that can be asked of the server, by who may ask it. A new route has no place until it has one here. */
const ROUTES: [who: readonly Caller[], routes: string[]][] = [
  [
    CALLERS,
    [
      'POST /login',
      'POST /login/oidc',
      'GET /login/methods',
      'GET /login/oidc/start',
      'GET /login/oidc/callback',
      'POST /enrol',
      'GET /health',
      'GET /health/ready',
      'GET /metrics',
    ],
  ],
  [
    ROLES,
    [
      'GET /studies',
      'GET /studies/:id',
      'GET /studies/:id/consents',
      'GET /studies/:id/curves',
      'GET /studies/:id/lineage',
      'GET /studies/:id/models',
      'GET /studies/:id/release',
      'GET /studies/:id/round-summaries',
      'GET /studies/:id/rounds',
      'GET /rounds/:id',
      'GET /rounds/:id/evidence',
      'GET /rounds/:id/metrics',
      'GET /rounds/:id/prototypes',
      'GET /rounds/:id/timeline',
      'GET /sites',
      'GET /sites/:id/participation',
      'GET /sites/:id/transfers',
      'GET /traffic',
      'GET /account',
      'POST /account/password',
      'POST /account/second-factor',
      'POST /account/second-factor/confirm',
      'POST /account/second-factor/remove',
    ],
  ],
  [
    ['operator', 'owner'],
    [
      'POST /enrolment-codes',
      'POST /sites/:id/approve',
      'POST /sites/:id/revoke',
      'POST /studies',
      'POST /studies/:id/start',
      'POST /studies/:id/pause',
      'POST /studies/:id/resume',
      'POST /studies/:id/stop',
      'POST /studies/:id/models/:version/promote',
      'POST /studies/:id/models/:version/sign-off',
      'POST /studies/:id/release/roll-back',
      'POST /updates/:id/refuse',
      'POST /updates/:id/release',
    ],
  ],
  [
    ['owner'],
    ['POST /operators', 'POST /operators/:id/remove', 'POST /operators/:id/reset', 'POST /operators/:id/role'],
  ],
  [
    ['auditor', 'owner'],
    [
      'GET /operators',
      'GET /log/entries',
      'GET /log/entries/:index',
      'GET /log/export',
      'GET /log/export.fhir',
      'GET /updates/:id/receipt',
    ],
  ],
  [
    [...ROLES, 'site'],
    [
      'GET /blobs/:digest',
      'GET /log/checkpoint',
      'GET /log/keys',
      'GET /log/proof/consistency',
      'GET /log/proof/inclusion',
      'GET /studies/:id/models/:version/card',
      'GET /studies/:id/models/:version/signature',
    ],
  ],
  [
    ['site'],
    [
      'ALL /uploads',
      'ALL /uploads/:upload',
      'GET /site/assignment',
      'GET /site/releases',
      'POST /site/consents',
      'POST /site/key',
      'POST /site/evaluations',
      'POST /site/log/cosignatures',
      'POST /site/rounds/:id/leave',
      'POST /site/updates',
    ],
  ],
  [['waiting site', 'site'], ['GET /site/approval']],
];

/** Nothing that exists: whoever is let in meets a refusal of another kind. */
const PARAMETERS: Record<string, string> = {
  ':id': '00000000-0000-4000-8000-000000000000',
  ':upload': '00000000-0000-4000-8000-000000000000',
  ':digest': '0'.repeat(64),
  ':version': '1',
  ':index': '0',
};

const TURNED_AWAY = new Set<ErrorAnswer['code']>(['unauthenticated', 'forbidden', 'site-pending']);

let server: TestServer;
let waiting: LightSite;
let site: FakeSite;
const operators = new Map<Caller, string>();

beforeAll(async () => {
  server = await TestServer.start();
  for (const role of ROLES) {
    const { password } = await server.running.app
      .get(OperatorsService)
      .add({ name: `the ${role}`, role, logsInBy: 'password' });
    const answer = await request(server.url)
      .post('/api/v1/login')
      .send({ name: `the ${role}`, password })
      .expect(200);
    operators.set(role, (answer.body as LoginAnswer).token);
  }
  const { code } = (await server.post('/enrolment-codes', { name: 'waiting' }).expect(201)).body as EnrolmentCode;
  const { enrolled, key, fingerprint } = await LightSite.register(server, code);
  waiting = new LightSite(server, enrolled, key, { labelled: 1, unlabelled: 0, validation: 0 }, fingerprint);
  site = await FakeSite.enrol(server, 'approved');
}, 60_000);
afterAll(() => server.close());

async function tokenOf(caller: Caller, request: ProvenRequest): Promise<string | null> {
  if (caller === 'nobody') return null;
  if (caller === 'site') return site.token(request);
  if (caller === 'waiting site') return waiting.token(request);
  return operators.get(caller)!;
}

/** As the running server has them, `METHOD /path`. */
function routesOfServer(): string[] {
  const routes: string[] = [];
  for (const module of server.running.app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      const { prototype } = metatype as { prototype: object };
      const base = String(Reflect.getMetadata(PATH_METADATA, metatype as object));
      for (const { value } of Object.values(Object.getOwnPropertyDescriptors(prototype)) as { value: unknown }[]) {
        if (typeof value !== 'function' || value === metatype) continue;
        const paths = Reflect.getMetadata(PATH_METADATA, value) as string | string[] | undefined;
        if (paths === undefined) continue;
        const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, value) as RequestMethod];
        for (const path of [paths].flat()) {
          const parts = `${base}/${path}`.split('/').filter((part) => part !== '');
          routes.push(`${method} /${parts.join('/')}`);
        }
      }
    }
  }
  return routes;
}

async function turnsAway(route: string, caller: Caller): Promise<boolean> {
  const [verb, place] = route.split(' ');
  const method = verb === 'ALL' ? 'POST' : verb;
  const path = `/api/v1${place.replace(/:\w+/g, (name) => PARAMETERS[name])}`;
  const body = method === 'GET' ? undefined : '{}';
  const token = await tokenOf(caller, { method, path, body });
  const headers = { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  expect(answer.status, `${route} for ${caller}`).toBeLessThan(500);
  if (answer.status !== 401 && answer.status !== 403) {
    await answer.body?.cancel();
    return false;
  }
  return TURNED_AWAY.has(((await answer.json()) as ErrorAnswer).code);
}

describe('A11 A13 permissions', () => {
  it('are stated for every route that the server has', () => {
    const known = ROUTES.flatMap(([, routes]) => routes);
    expect(routesOfServer().toSorted()).toEqual(known.toSorted());
  });

  it.each(ROUTES.flatMap(([who, routes]) => routes.map((route) => [route, who] as const)))(
    '%s is for %j',
    async (route, who) => {
      const admitted: Caller[] = [];
      for (const caller of CALLERS) if (!(await turnsAway(route, caller))) admitted.push(caller);
      expect(admitted).toEqual(who);
    },
  );

  it('hold on the socket: operators listen, sites speak, others are not let in', async () => {
    for (const caller of CALLERS) {
      const token = await tokenOf(caller, CONTROL_LINE);
      const socket = io(server.url, { auth: token === null ? {} : { token }, reconnection: false, forceNew: true });
      try {
        const admitted = await new Promise<boolean>((resolve) => {
          socket.once('connect', () => resolve(true));
          socket.once('connect_error', () => resolve(false));
        });
        expect(admitted, caller).toBe(caller !== 'nobody' && caller !== 'waiting site');
        if (!admitted) continue;
        for (const event of ['hello', 'progress']) {
          const answer: unknown = await socket
            .timeout(500)
            .emitWithAck(event, {})
            .catch(() => 'no answer');
          if (caller === 'site') expect(answer).toMatchObject({ ok: false });
          else expect(answer, `${event} from ${caller}`).toBe('no answer');
        }
      } finally {
        socket.disconnect();
      }
    }
  });
});
