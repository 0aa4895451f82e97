/**
 * Writes protobuf messages from their end to their beginning, so that every length is known when its turn comes. Hides
 * tags, varints and the buffer. Why not the generated encoder: docs/decisions/0003-grpc-transport.md.
 */

/** Protobuf wire types (protobuf.dev, "Encoding"). */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED64 = 1;

const FIRST_CAPACITY = 4096;

/** Fields go in last to first, and a message's fields before the message itself. Used for one message at a time. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  /** Where what was written begins. */
  #start = FIRST_CAPACITY;

  /** Drops what is left of a message that could not be finished (E2). */
  clear(): void {
    this.#start = this.#buffer.length;
  }

  /** How many bytes were written: to be taken before a message's fields are, and given to `message` after them. */
  get written(): number {
    return this.#buffer.length - this.#start;
  }

  /** A message of all that was written since `before`. */
  message(field: number, before: number): void {
    const length = this.written - before;
    this.#varint(length);
    this.#varint((field << 3) | LENGTH_DELIMITED);
  }

  string(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#start -= length;
    // Plain ASCII, which nearly everything is, needs no encoder.
    this.#buffer.write(text, this.#start, length === text.length ? 'latin1' : 'utf8');
    this.#varint(length);
    this.#varint((field << 3) | LENGTH_DELIMITED);
  }

  /** A number from 0 to 2^31 - 1; 0 is what a reader assumes, and not written. */
  integer(field: number, value: number): void {
    if (value === 0) return;
    this.#varint(value);
    this.#varint((field << 3) | VARINT);
  }

  double(field: number, value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
    this.#varint((field << 3) | FIXED64);
  }

  /** All that was written, as bytes of their own; the writer is empty again. */
  finish(): Uint8Array {
    const bytes = Buffer.from(this.#buffer.subarray(this.#start));
    this.clear();
    return bytes;
  }

  #varint(value: number): void {
    this.#reserve(5);
    let size = 1;
    for (let rest = value >>> 7; rest > 0; rest >>>= 7) size += 1;
    this.#start -= size;
    let at = this.#start;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#buffer[at++] = (rest & 0x7f) | 0x80;
    this.#buffer[at] = rest;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#start) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.written + bytes));
    const written = this.written;
    this.#buffer.copy(grown, grown.length - written, this.#start);
    this.#buffer = grown;
    this.#start = grown.length - written;
  }
}
