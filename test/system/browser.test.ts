/** The browser's part of the quickstart, in a real Chromium: login, one session in two apps, logout. */
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startStack, type Stack } from '../../quickstart/stack.ts';

/** Debian's package `chromium`. */
const CHROMIUM = '/usr/bin/chromium';

let stack: Stack;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  // Root has no user namespace of its own for the sandbox; the pages are the demo's own.
  [stack, browser] = await Promise.all([
    startStack(),
    chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] }),
  ]);
});
afterAll(async () => {
  await browser.close();
  await stack.stop();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => context.close());

async function logInAs(user: string, on: Page = page): Promise<void> {
  await on.waitForURL(`${stack.issuer}/**`);
  await on.getByRole('button', { name: user }).click();
}

const sessionHeader = (name: string, on: Page = page) =>
  on.locator('#session tr').filter({ hasText: name }).locator('td').innerText();

async function saveNote(note: string, on: Page = page): Promise<string> {
  await on.getByLabel('Note on the cart').fill(note);
  await on.getByRole('button', { name: 'Save' }).click();
  const result = on.locator('output');
  await result.filter({ hasText: /saved/i }).waitFor();
  return result.innerText();
}

describe('a browser at the quickstart', () => {
  test('B2 opening a page leads to the provider, and as alice back to that page with her session', async () => {
    await page.goto(`${stack.url}/billing/?from=mail&q=a%20b`);
    await logInAs('alice');
    await page.waitForURL(`${stack.url}/billing/?from=mail&q=a%20b`);

    expect(await sessionHeader('x-session-subject')).toBe('alice');
    expect(await sessionHeader('x-session-scopes')).toBe('invoices:read invoices:write');
  });

  test('A8 what app A writes, app B shows with the next request', async () => {
    await page.goto(`${stack.url}/billing/`);
    await logInAs('alice');
    expect(await saveNote('three crates of <oranges>')).toBe('Saved.');

    await page.getByRole('link', { name: 'reports' }).click();
    await page.waitForURL(`${stack.url}/reports/dashboard`);
    expect(await page.locator('#note').innerText()).toBe('three crates of <oranges>');
  });

  test('E13 the session cookie is out of reach for scripts, bound to its host, and a write needs the CSRF token', async () => {
    await page.goto(`${stack.url}/billing/`);
    await logInAs('alice');
    await page.waitForURL(`${stack.url}/billing/`);

    const cookies = await context.cookies(stack.url);
    expect(cookies.find(({ name }) => name === '__Host-session')).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
      path: '/',
    });
    expect(await page.evaluate('document.cookie')).not.toContain('__Host-session=');
    const status = await page.evaluate(
      `fetch('/billing/cart', { method: 'PUT', body: '{"note":"forged"}' }).then((response) => response.status)`,
    );
    expect(status).toBe(403);
  });

  test('E6 logging out in one tab ends the session in every tab, and the provider asks again', async () => {
    await page.goto(`${stack.url}/billing/`);
    await logInAs('alice');
    await page.waitForURL(`${stack.url}/billing/`);
    const other = await context.newPage();
    await other.goto(`${stack.url}/reports/dashboard`);
    expect(await sessionHeader('x-session-subject', other)).toBe('alice');

    await page.getByRole('link', { name: 'log out' }).click();
    await page.getByRole('button', { name: /log out/i }).click();
    await page
      .getByText(/logged out/i)
      .first()
      .waitFor();

    await other.reload();
    await other.waitForURL(`${stack.issuer}/**`);
    await other.getByRole('button', { name: 'alice' }).waitFor();
  });

  test('B2 two tabs that log in at the same time both arrive where they wanted to go', async () => {
    const other = await context.newPage();
    await page.goto(`${stack.url}/billing/`);
    await other.goto(`${stack.url}/reports/dashboard`);
    await logInAs('alice', page);
    await page.waitForURL(`${stack.url}/billing/`);
    await logInAs('alice', other);
    await other.waitForURL(`${stack.url}/reports/dashboard`);
    expect(await sessionHeader('x-session-subject', other)).toBe('alice');
  });
});
