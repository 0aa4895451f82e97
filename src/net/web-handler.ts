/** Plain HTTP in terms of the web platform's Request and Response, whatever protocol it came over. */

/** What a `Request` does not say. */
export interface WebPeer {
  /** The address of whoever connected, which is Envoy's where one is in front. */
  readonly address: string | undefined;
  /** The SPIFFE ids and DNS names of the client certificate; empty without mutual TLS. */
  readonly certificateNames: readonly string[];
}

/** Answers every method that it is asked with. A rejection becomes a 500. The body has been bounded, not read. */
export type WebHandler = (request: Request, peer: WebPeer) => Promise<Response>;

/** By exact path. */
export type WebRoutes = ReadonlyMap<string, WebHandler>;
