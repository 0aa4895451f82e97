/** HTML forms as requests carry them. */

/** Whether the body of a request is said to be a form (`application/x-www-form-urlencoded`, whatever its parameters). */
export function isForm({ headers }: Pick<Request, 'headers'>): boolean {
  const [type = ''] = (headers.get('content-type') ?? '').split(';', 1);
  return type.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}
