import { Bell } from "../../bell.js";

/*
 * Bytes from one thread to another through shared memory, in their order. The ring is bounded: who writes waits while it is full, who
 * reads while it is empty. Everything is written in multiples of eight bytes, because shared memory is copied byte by byte where the
 * two sides are not aligned alike.
 */
const UNIT = 8;

/** Of the ring's state: units written and read since the start, modulo 2^32, and whether the reader has left. */
const WRITTEN = 0;
const READ = 1;
const LEFT = 2;

/** A ring as it is posted to another thread. */
export interface SharedRing {
  readonly state: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
  /** The bells of the two threads. */
  readonly writer: SharedArrayBuffer;
  readonly reader: SharedArrayBuffer;
}

/** A ring of `bytes` bytes, a power of two of at least eight. */
export function createRing(bytes: number, writer: Bell, reader: Bell): SharedRing {
  return {
    state: new SharedArrayBuffer(12),
    bytes: new SharedArrayBuffer(bytes),
    writer: writer.shared,
    reader: reader.shared,
  };
}

class End {
  protected readonly state: Int32Array;
  protected readonly bytes: Uint8Array;
  protected readonly units: number;

  constructor(ring: SharedRing) {
    this.state = new Int32Array(ring.state);
    this.bytes = new Uint8Array(ring.bytes);
    this.units = this.bytes.length / UNIT;
  }

  /** Units that have been written and not been read. */
  get filled(): number {
    return (Atomics.load(this.state, WRITTEN) - Atomics.load(this.state, READ)) >>> 0;
  }

  /** Whether the reader reads nothing more. */
  get left(): boolean {
    return Atomics.load(this.state, LEFT) !== 0;
  }
}

export class RingWriter extends End {
  private readonly reader: Bell;

  constructor(
    ring: SharedRing,
    /** Waits until the reader may have read or left; throws where it will never do so. */
    private readonly wait: (isReady: () => boolean) => void,
  ) {
    super(ring);
    this.reader = new Bell(ring.reader);
  }

  /** Empties the ring; only while nobody reads. */
  clear(): void {
    this.state.fill(0);
  }

  /** Appends bytes, padded to units; drops them if the reader has left. */
  write(values: ArrayBufferView): void {
    const from = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < from.length;) {
      if (this.left) return;
      if (this.filled === this.units) {
        this.wait(() => this.filled < this.units || this.left);
        continue;
      }
      const free = (this.units - this.filled) * UNIT;
      const to = ((this.state[WRITTEN]! >>> 0) % this.units) * UNIT;
      const n = Math.min(from.length - at, free, this.bytes.length - to);
      this.bytes.set(from.subarray(at, at + n), to);
      at += n;
      Atomics.add(this.state, WRITTEN, Math.ceil(n / UNIT));
      this.reader.ring();
    }
  }
}

export class RingReader extends End {
  private readonly writer: Bell;

  constructor(
    ring: SharedRing,
    /** Waits until something may have been written. */
    private readonly wait: (isReady: () => boolean) => void,
  ) {
    super(ring);
    this.writer = new Bell(ring.writer);
  }

  /** Takes as many bytes as `values` has, and the padding behind them. */
  read(values: ArrayBufferView): void {
    const to = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (let at = 0; at < to.length;) {
      if (this.filled === 0) this.wait(() => this.filled > 0);
      const from = ((this.state[READ]! >>> 0) % this.units) * UNIT;
      const n = Math.min(to.length - at, this.filled * UNIT, this.bytes.length - from);
      to.set(this.bytes.subarray(from, from + n), at);
      at += n;
      Atomics.add(this.state, READ, Math.ceil(n / UNIT));
      this.writer.ring();
    }
  }

  /** Reads nothing more: whoever waits for room goes on. */
  leave(): void {
    Atomics.store(this.state, LEFT, 1);
    this.writer.ring();
  }
}
