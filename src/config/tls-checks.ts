/** The rules between keys that say how connections are encrypted, and who may connect. */
import type { ConfigPath, Finding, IsWritten } from './problem.ts';
import type { Readable } from './schema-shape.ts';
import type { Config } from './schema.ts';

export function tlsChecks(config: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  return [
    ...checkStore(config, isWritten),
    ...checkCollector(config, isWritten),
    ...checkListeners(config, isWritten),
  ];
}

function checkStore({ store }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const path: ConfigPath = ['store', 'tls'];
  if (!isWritten(path)) return [];
  const url = store?.url;
  const scheme =
    url === undefined || url.startsWith('rediss:')
      ? []
      : [{ path, message: 'needs a "rediss:" URL: that of store.url is without TLS' }];
  return [...scheme, ...needsPair(path, isWritten)];
}

function checkCollector({ tracing }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  const path: ConfigPath = ['tracing', 'tls'];
  if (!isWritten(path)) return [];
  const endpoint = tracing?.endpoint;
  const scheme =
    endpoint === undefined || endpoint.startsWith('https:')
      ? []
      : [{ path, message: 'needs an "https:" URL: that of tracing.endpoint is without TLS' }];
  return [...scheme, ...needsPair(path, isWritten)];
}

/** Of a client certificate and its key. */
function needsPair(path: ConfigPath, isWritten: IsWritten): readonly Finding[] {
  return [
    ...needs([...path, 'certFile'], [...path, 'keyFile'], isWritten),
    ...needs([...path, 'keyFile'], [...path, 'certFile'], isWritten),
  ];
}

/** Of two keys in one mapping. */
function needs(path: ConfigPath, other: ConfigPath, isWritten: IsWritten): readonly Finding[] {
  if (!isWritten(path) || isWritten(other)) return [];
  return [{ path, message: `needs ${String(other.at(-1))} beside it` }];
}

function checkListeners({ tls }: Readable<Config>, isWritten: IsWritten): readonly Finding[] {
  return (['check', 'http', 'api', 'ops'] as const).flatMap((name) => {
    const path: ConfigPath = ['tls', name, 'clients'];
    if (!isWritten(path)) return [];
    if (!isWritten(['tls', name, 'clientCaFile'])) {
      return [{ path, message: 'needs clientCaFile beside it: without it no client shows a certificate' }];
    }
    if (tls?.[name]?.clients?.length !== 0) return [];
    return [{ path, message: 'must have at least one name: nobody could connect' }];
  });
}
