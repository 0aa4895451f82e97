/** What the pages of the demo apps have in common: reading the session headers, and a page around what they show. */
import type { IncomingHttpHeaders } from 'node:http';

/** A slice of the session as this app was given it; undefined where there is none. */
export function sliceOf(headers: IncomingHttpHeaders, name: string): unknown {
  const value = headers[`x-session-slice-${name}`];
  return typeof value === 'string' ? JSON.parse(Buffer.from(value, 'base64url').toString()) : undefined;
}

/** The session headers that reached the app, as a table. */
export function sessionTable(headers: IncomingHttpHeaders): string {
  const rows = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-session-'))
    .map(([name, value]) => `<tr><th>${escapeHtml(name)}<td>${escapeHtml(String(value))}`);
  return `<table id="session">\n${rows.join('\n')}\n</table>\n`;
}

export function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem}th{text-align:left;padding-right:1rem}td{overflow-wrap:anywhere}</style>
<h1>${escapeHtml(title)}</h1>
<nav><a href="/billing/">billing</a> · <a href="/reports/dashboard">reports</a> · <a href="/auth/logout">log out</a></nav>
${content}
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
