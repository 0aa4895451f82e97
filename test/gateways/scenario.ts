/** What must be so behind a gateway in a cluster, with its real controller: one table for all of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../quickstart/wait.ts';
import type { OpenSession } from '../cluster/sessions.ts';
import { askGateway, type GatewayAddress } from './client.ts';
import { createGatewayRig, type GatewayRig } from './rig.ts';

const MINUTE = 60_000;

export interface ClusterGateway {
  /** Installs the controller and applies the example. What it made is undone by `undo`. */
  install(rig: GatewayRig, undo: AsyncDisposableStack): Promise<GatewayAddress>;
  /** Makes the example's route `/reports` say that it is another app's. */
  misname(rig: GatewayRig): Promise<void>;
}

export interface GatewayInCluster {
  readonly rig: GatewayRig;
  readonly address: GatewayAddress;
}

/** `more` are tests of this gateway alone; they run before the store goes away. */
export function gatewayInCluster(
  name: string,
  gateway: ClusterGateway,
  more: (running: () => GatewayInCluster) => void = () => undefined,
): void {
  describe(`behind ${name}, in a cluster`, () => {
    const undo = new AsyncDisposableStack();
    let rig: GatewayRig;
    let address: GatewayAddress;
    let session: OpenSession;

    const ask = (path: string, from?: OpenSession, headers: Readonly<Record<string, string>> = {}) =>
      askGateway(rig.inner, address, path, {
        ...(from !== undefined && { authorization: `Bearer ${from.token}` }),
        ...headers,
      });
    const answers = (status: number, path: string, from?: OpenSession) => async () =>
      (await ask(path, from)).status === status;

    beforeAll(async () => {
      rig = await createGatewayRig();
      undo.defer(() => rig.remove());
      address = await gateway.install(rig, undo);
    }, 10 * MINUTE);
    afterAll(() => undo.disposeAsync(), 5 * MINUTE);

    test(
      'E3 without a session it is 401, with our challenge and body',
      async () => {
        await waitUntil(answers(401, '/invoices'), { what: 'the gateway', timeoutMs: 2 * MINUTE });
        const answer = await ask('/invoices');
        expect(answer.headers['www-authenticate']).toBe('Bearer realm="singlestate"');
        expect(JSON.parse(answer.body)).toMatchObject({ status: 401, reason: 'no_credential' });
      },
      3 * MINUTE,
    );

    test('B3 E8 with one the app is told who it is, whatever the client claims', async () => {
      session = await rig.open('invoices:read reports:read');
      const forged = { 'x-session-subject': 'mallory', 'x-session-admin': 'yes', X_Session_Ref: 'forged' };
      const { status, received } = await ask('/invoices', session, forged);
      expect(status).toBe(200);
      expect(received).toMatchObject({
        'x-session-subject': 'alice',
        'x-session-ref': session.ref,
        'x-session-scopes': 'invoices:read',
      });
      expect(received).not.toHaveProperty('x-session-admin');
      expect(received).not.toHaveProperty('x_session_ref');
      expect(received).not.toHaveProperty('authorization');
    });

    test('E3 without the scope it is 403', async () => {
      const { status, body } = await ask('/invoices/all', session);
      expect(JSON.parse(body)).toMatchObject({ status, reason: 'insufficient_scope' });
      expect(status).toBe(403);
    });

    test('E8 forged headers do not reach the app where nothing is checked', async () => {
      const { status, received } = await ask('/healthz', undefined, { 'x-session-subject': 'mallory' });
      expect(status).toBe(200);
      expect(Object.keys(received).filter((header) => header.includes('session'))).toEqual([]);
    });

    test('the pages of the login are reached, and not checked', async () => {
      // 404 is the API's, which has no browser login here.
      expect((await ask('/auth/login')).status).toBe(404);
    });

    test(
      'H2 the context extensions of a route reach Singlestate',
      async () => {
        expect((await ask('/reports', session)).received).toMatchObject({
          'x-session-scopes': 'reports:read',
        });
        await gateway.misname(rig);
        const refused = async () => (await ask('/reports', session)).body.includes('"no_route"');
        await waitUntil(refused, { what: 'the other context', timeoutMs: MINUTE });
      },
      2 * MINUTE,
    );

    more(() => ({ rig, address }));

    test('E6 a revocation holds from the next request on', async () => {
      const revoked = await rig.open('invoices:read');
      expect((await ask('/invoices', revoked)).status).toBe(200);
      await rig.revoke(revoked);
      expect((await ask('/invoices', revoked)).status).toBe(401);
    });

    test(
      'D2 without the store it is 503, and where nothing is checked it goes on',
      async () => {
        await rig.inner.kubectl(['scale', 'statefulset/singlestate-valkey', '--replicas=0']);
        await waitUntil(answers(503, '/invoices', session), {
          what: 'an outage that shows',
          timeoutMs: MINUTE,
        });
        // Longer than the kubelet takes to find a pod unready: no gateway may hear that there is nobody to ask.
        const begun = performance.now();
        while (performance.now() < begun + 15_000) {
          const { status, headers } = await ask('/invoices', session);
          expect({ status, 'retry-after': headers['retry-after'] }).toEqual({
            status: 503,
            'retry-after': '1',
          });
        }
        expect((await ask('/healthz')).status).toBe(200);
        await rig.inner.kubectl(['scale', 'statefulset/singlestate-valkey', '--replicas=1']);
        await waitUntil(answers(401, '/invoices', session), { what: 'the store', timeoutMs: 2 * MINUTE });
      },
      5 * MINUTE,
    );
  });
}
