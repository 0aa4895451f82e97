/** What every example app must do, whatever it is written in. */
import { expect, test } from 'vitest';
import type { ExampleApp } from './example-app.ts';
import type { Replicas } from './replicas.ts';

export function behavesAsExample(app: () => ExampleApp, running: () => Replicas): void {
  test('B3 it reads who the user is, what they may do, and its slice', async () => {
    const session = await running().open('zoe');
    const cart = { note: 'ça va?' };
    expect(await app().ask('GET', session, 1, cart)).toMatchObject({
      status: 200,
      body: {
        ref: session.ref,
        subject: 'Zoë',
        scopes: ['invoices:read', 'invoices:write'],
        version: 1,
        cart,
      },
    });
    expect(await app().ask('GET', session, 1)).toMatchObject({ body: { cart: null } });
  });

  test('A2 it writes its slice, and after a conflict reads again and repeats', async () => {
    const session = await running().open('zoe');
    expect(await app().ask('PUT', session, 1, { note: 'first' })).toEqual({
      status: 200,
      body: { version: 2 },
    });
    expect(await app().ask('PUT', session, 1, { note: 'second' })).toEqual({
      status: 200,
      body: { version: 3 },
    });
    const found = await running().store.read(session.ref);
    expect(found).toMatchObject({ session: { document: { slices: { cart: { note: 'second' } } } } });
  });

  test('B1 what its schema does not allow is refused', async () => {
    const session = await running().open('zoe');
    const answer = await app().ask('PUT', session, 1, { note: 7 });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  });
}
