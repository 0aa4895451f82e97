/** The pages of login and logout. No scripts, nothing from elsewhere, and nothing of what a provider wrote. */
import { markup, type Markup } from './markup.ts';
import { loginPath, LOGOUT_PATH } from './paths.ts';

export interface Choice {
  readonly text: string;
  readonly href: string;
}

/** Several identity providers: the user says with which. */
export function choicePage(choices: readonly Choice[]): Markup {
  const items = choices.map(({ text, href }) => markup`<li><a href="${href}">${text}</a></li>`);
  return page('Log in', markup`<p>Log in with</p>\n<ul>\n${items}\n</ul>`);
}

/** Why there is no login or no logout. `again`: the path and query of a link to try it once more. */
export function refusalPage(heading: string, sentence: string, again?: string): Markup {
  const link = again === undefined ? markup`` : markup`\n<p><a href="${again}">Try again</a></p>`;
  return page(heading, markup`<p>${sentence}</p>${link}`);
}

export function logoutPage(csrfToken: string): Markup {
  return page(
    'Log out',
    markup`<p>Do you want to log out? It ends your session in every tab.</p>
<form method="post" action="${LOGOUT_PATH}">
<input type="hidden" name="csrf_token" value="${csrfToken}">
<button type="submit">Log out</button>
</form>`,
  );
}

export function loggedOutPage(): Markup {
  return page(
    'Logged out',
    markup`<p>You are logged out here. At your identity provider you may still be logged in.</p>
<p><a href="${loginPath('/')}">Log in</a></p>`,
  );
}

/** Sends the browser on from a page of ours, so that cookies which are SameSite=Strict go along. */
export function goOnPage(path: string): Markup {
  return page(
    'Logging in',
    markup`<p><a href="${path}">Go on</a></p>`,
    markup`<meta http-equiv="refresh" content="0;url=${path}">\n`,
  );
}

function page(heading: string, body: Markup, head: Markup = markup``): Markup {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
${head}<title>${heading}</title>
<style>
body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem}
button{font:inherit;padding:.4rem 1.2rem}
</style>
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`;
}
