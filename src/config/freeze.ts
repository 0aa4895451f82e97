/** Makes a configuration unchangeable. */

/**
 * Freezes a value and all below it, and takes the prototype from its mappings: a look-up by a request's or a file's
 * text finds only what the configuration has, never `constructor`.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value)) Object.setPrototypeOf(value, null);
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
