/** Problem details (RFC 9457) that say no more than the status does. */

export const PROBLEM_TYPE = 'application/problem+json';

export function problemText(status: number, title: string): string {
  return JSON.stringify({ type: 'about:blank', title, status });
}

export function problemResponse(
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...headers, 'content-type': PROBLEM_TYPE };
  return new Response(problemText(status, title), { status, headers: all });
}
