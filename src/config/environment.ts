/** Expands `${NAME}` in one text of the configuration. It runs after YAML, so that no value can become structure. */

/** What `process.env` is; passed in, so that only the start of the program reads it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expansion {
  readonly text: string;
  /** Whether anything was there to expand. */
  readonly expanded: boolean;
  /** What can't be expanded; it stays in the text as it is. */
  readonly faults: readonly string[];
}

/** `$${`, or `${NAME}`, or a `${` that goes wrong. */
const REFERENCE = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?/g;

const MALFORMED = 'has a "${" without NAME and "}" after it: write ${NAME}, or $${ for a plain "${"';

/** `${NAME}` becomes the variable's value, `$${` becomes `${`; values are not expanded again. An unset variable is a fault, an empty one is not. */
export function expandEnvironment(text: string, env: Environment): Expansion {
  const faults: string[] = [];
  let expanded = false;
  const result = text.replace(REFERENCE, (match, name: string | undefined) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      faults.push(MALFORMED);
      return match;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) faults.push(`needs the environment variable ${name}, which is not set`);
    expanded = true;
    return value ?? match;
  });
  return { text: result, expanded, faults };
}
