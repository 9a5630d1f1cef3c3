import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OperatorClient } from '@consilium/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A server so busy that it drops connections: the first `drops` requests get no answer. */
let busy: Server;
let drops = 0;
let asked: string[] = [];
let operator: OperatorClient;

beforeEach(async () => {
  asked = [];
  busy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (asked.length <= drops) request.socket.destroy();
    else response.setHeader('content-type', 'application/json').end('[]');
  });
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  operator = new OperatorClient(`http://127.0.0.1:${(busy.address() as AddressInfo).port}`, { token: 'any' });
});
afterEach(() => {
  busy.closeAllConnections();
  busy.close();
});

describe('a request whose connection is dropped', () => {
  it('is made again where it only reads', async () => {
    drops = 2;
    expect(await operator.sites()).toEqual([]);
    expect(asked).toEqual(Array(3).fill('GET /api/v1/sites'));
  });

  it('is made once where it changes something: it may have arrived', async () => {
    drops = 1;
    await expect(operator.enrolmentCode('north')).rejects.toMatchObject({ kind: 'unreachable' });
    expect(asked).toEqual(['POST /api/v1/enrolment-codes']);
  });
});
