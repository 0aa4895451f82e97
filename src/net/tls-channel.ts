/**
 * A TLS connection on which two may write: node:http2, and whoever has a frame to put between its frames. Hides why that
 * takes a stream of its own: node:http2 drives a TLS socket natively, where a second writer ends the process.
 */
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

type Done = (error?: Error | null) => void;

/** What node:http2 takes for a connection. Everything that is written with `cork` leaves as one piece. */
export class TlsChannel extends Duplex {
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** Writes bytes that are whole frames: after those that node:http2 has written, before those that it will. */
  writeBetween(frames: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(frames);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#socket.write(chunk, done);
  }

  // node:http2 writes a frame's head and its content one by one, corked: nothing may come between.
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: Done): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.destroy();
    done(error);
  }
}
