/** A browser without a screen: cookies by host and path, redirects, and forms. Sites are handlers, or servers on this machine. */

export type Site = (request: Request) => Promise<Response>;

export interface Visit {
  /** Where it ended. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Every address on the way, the last one included. */
  readonly way: readonly string[];
}

export interface TestBrowser {
  /** Loads an address and follows redirects to the end; `headers` go to its own sites alone. */
  open(url: string, init?: Sending): Promise<Visit>;
  /** One request, with cookies, and no further. */
  step(url: string, init?: Sending): Promise<Response>;
  /** Sends the one form of a page, with its hidden fields. */
  submit(page: Visit, changes?: Readonly<Record<string, string>>): Promise<Visit>;
  /** Names and values of what it would send there. */
  cookies(url: string): ReadonlyMap<string, string>;
  /** Changes what it holds for a host, or forgets it. */
  setCookie(url: string, name: string, value: string | undefined): void;
}

export interface Sending {
  readonly method?: 'GET' | 'POST';
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

const MAX_STEPS = 20;

/** `sites`: origin -> what answers there. All other origins are asked over the network. */
export function createTestBrowser(sites: Readonly<Record<string, Site>>): TestBrowser {
  const jar = new Map<string, Cookie>();

  const cookiesFor = (url: URL) =>
    [...jar.values()]
      .filter(({ host, path }) => host === url.host && url.pathname.startsWith(path))
      .toSorted((a, b) => b.path.length - a.path.length);

  function keep(url: URL, line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? '/';
    const expires = /;\s*expires=([^;]*)/i.exec(line)?.[1];
    const isOver =
      /;\s*max-age=0(;|$)/i.test(line) || (expires !== undefined && Date.parse(expires) <= Date.now());
    const key = JSON.stringify([url.host, path, name]);
    if (isOver) jar.delete(key);
    else jar.set(key, { host: url.host, path, name, value });
  }

  async function step(
    address: string,
    { method = 'GET', form, headers = {} }: Sending = {},
  ): Promise<Response> {
    const url = new URL(address);
    const site = sites[url.origin];
    const cookie = cookiesFor(url)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const request = new Request(url, {
      method,
      redirect: 'manual',
      headers: { ...(site && headers), ...(cookie !== '' && { cookie }) },
      ...(form && { body: new URLSearchParams(form) }),
    });
    const response = await (site ?? fetch)(request);
    for (const line of response.headers.getSetCookie()) keep(url, line);
    return response;
  }

  async function open(address: string, init: Sending = {}): Promise<Visit> {
    const way = [new URL(address).href];
    let sending = init;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const url = new URL(way.at(-1) ?? '');
      const response = await step(url.href, sending);
      const location = response.headers.get('location');
      if (location === null) {
        return { url, status: response.status, headers: response.headers, text: await response.text(), way };
      }
      await response.body?.cancel();
      way.push(new URL(location, url).href);
      sending = { ...(init.headers && { headers: init.headers }) };
    }
    throw new Error(`The browser went in a circle: ${way.slice(-3).join(' -> ')}`);
  }

  return {
    open,
    step,
    submit: (page, changes = {}) => {
      const action = /<form[^>]* action="([^"]*)"/.exec(page.text)?.[1] ?? '';
      const fields = [...page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
      const form = Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]));
      return open(new URL(action, page.url).href, { method: 'POST', form: { ...form, ...changes } });
    },
    cookies: (url) => new Map(cookiesFor(new URL(url)).map(({ name, value }) => [name, value])),
    setCookie: (url, name, value) => {
      keep(new URL(url), value === undefined ? `${name}=; Max-Age=0` : `${name}=${value}`);
    },
  };
}
