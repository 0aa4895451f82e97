/** The headers for the collector, written as OpenTelemetry writes them in `OTEL_EXPORTER_OTLP_HEADERS`. */

export type OtlpHeaders =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  /** Goes on from the file's name; holds nothing of what is in it. */
  | { readonly ok: false; readonly problem: string };

/** RFC 9110 section 5.1. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Visible ASCII and spaces: what node:http sends as it is. */
const VALUE = /^[\x20-\x7E]+$/;

/** `NAME=VALUE`, more of them after commas; values are percent-encoded (W3C Baggage). */
export function parseOtlpHeaders(text: string): OtlpHeaders {
  const headers: Record<string, string> = {};
  for (const [index, pair] of text.split(',').entries()) {
    const [name = '', ...rest] = pair.split('=');
    const value = decode(rest.join('=').trim());
    if (!NAME.test(name.trim()) || value === undefined || !VALUE.test(value)) {
      const wanted = 'NAME=VALUE with a percent-encoded value, as in OTEL_EXPORTER_OTLP_HEADERS';
      return { ok: false, problem: `must hold headers as ${wanted}; header ${index + 1} is none` };
    }
    headers[name.trim()] = value;
  }
  return { ok: true, headers };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
