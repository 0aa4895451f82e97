/** What this room is told about one kind of key, so that signing and sealing keys share how their files are kept. */

/** For signatures, or for encryption. */
export type KeyUse = 'sig' | 'enc';

/** What every key file says about its key. */
export interface KeyName<A extends string = string> {
  readonly kid: string;
  /** The one algorithm that the key is used with (RFC 7517 section 4.4). */
  readonly alg: A;
  /** In use from this time on, until a newer key is; Unix milliseconds, 0 for always. */
  readonly activeFromMs: number;
}

/** A key with its name, ready for use. */
export interface NamedKey<K, A extends string = string> extends KeyName<A> {
  readonly key: K;
}

export type KeyReading<K, A extends string = string> =
  | { readonly ok: true; readonly key: NamedKey<K, A> }
  /** Every fault, each to be read after the file's name; none holds key material. */
  | { readonly ok: false; readonly problems: readonly string[] };

export interface KeyKind<K, A extends string = string> {
  /** As `use` of a JWK has it (RFC 7517 section 4.2), and `singlestate keys --use`. */
  readonly use: KeyUse;
  /** What a key of this kind may be for; the first is what a key is made for unless something else is asked. */
  readonly algs: readonly [A, ...A[]];
  /** Reads the text of a key file. Never rejects. */
  read(text: string): Promise<KeyReading<K, A>>;
  /** A new secret JWK (RFC 7517), active from that time on, rounded down to a whole second. */
  create(alg: A, activeFromMs: number): Promise<NewJwk<A>>;
}

/** A JWK that is about to be written down. Its `kid` can be a part of a file's name. */
export interface NewJwk<A extends string = string> {
  readonly kid: string;
  readonly alg: A;
  /** Unix seconds. */
  readonly nbf?: number;
}

/** The command line that does this to a folder, for a message that says what to do. */
export function keysCommandLine(verb: 'generate' | 'rotate', use: KeyUse, dir: string): string {
  return `singlestate keys ${verb} ${use === 'sig' ? '' : `--use ${use} `}--dir ${dir}`;
}
