import { DiagnosticError, internalError } from "../../diagnostics/index.js";
import { simDiagnostics } from "../diagnostics.js";
import { webAssembly, type WasmMemory } from "./webassembly.js";

const PAGE = 65536;
/** Addresses have 32 bits. */
const MOST_BYTES = 65536 * PAGE;
/** Everything begins at a cache line, so that vectors and doubles are aligned. */
const ALIGNMENT = 64;

/** A memory, and the part of it that one user may fill; can be posted to a worker thread, which then has the same bytes. */
export interface SharedPart {
  readonly shared: WasmMemory | SharedArrayBuffer;
  readonly from: number;
  readonly to: number;
}

/**
 * One memory for everything that kernels touch, in which room is taken by moving a mark. All addresses are bytes from its
 * beginning. Its size is fixed when it is created; the operating system gives pages when they are first written, so untouched
 * room costs nothing.
 */
export class KernelMemory {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  private next: number;

  constructor(private readonly part: SharedPart) {
    const { shared } = part;
    const buffer = shared instanceof SharedArrayBuffer ? shared : shared.buffer;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.next = part.from;
  }

  /** The memory as WebAssembly wants to import it; undefined where it is a plain SharedArrayBuffer. */
  get wasm(): WasmMemory | undefined {
    return this.part.shared instanceof SharedArrayBuffer ? undefined : this.part.shared;
  }

  /** Bytes that can still be taken. */
  get free(): number {
    return this.part.to - this.next;
  }

  /** Takes `bytes` bytes; they hold what was there before, at first zeros. Sizes are checked before a memory is created, so too much is our own bug. */
  take(bytes: number, what: string): number {
    const at = this.next;
    const next = at + roundUp(bytes, ALIGNMENT);
    if (!(bytes >= 0 && next <= this.part.to)) {
      throw internalError(`${what} wants ${bytes} bytes of a kernel memory with ${this.free} left`);
    }
    this.next = next;
    return at;
  }

  /** Where the next room begins; {@link release} gives back everything from there on. */
  get mark(): number {
    return this.next;
  }

  release(mark: number): void {
    const next = roundUp(mark, ALIGNMENT);
    if (next < this.part.from || next > this.next) throw internalError(`release(${mark}) of a mark at ${this.next}`);
    this.next = next;
  }

  /** Splits off `bytes` bytes as the part of another user, such as a worker thread. */
  split(bytes: number): SharedPart {
    const from = this.take(bytes, "a part");
    return { shared: this.part.shared, from, to: from + bytes };
  }
}

/** Creates a memory of `bytes` bytes, filled with zeros. Throws a diagnostic beyond 4 GiB or when the host refuses. */
export function createMemory(bytes: number): KernelMemory {
  const pages = Math.max(1, Math.ceil(bytes / PAGE));
  const hint = "use a chip with smaller memories, or a smaller network";
  if (!(pages * PAGE <= MOST_BYTES)) {
    const message = `the simulation needs ${bytes} bytes of memory; addresses reach ${MOST_BYTES}`;
    throw new DiagnosticError(simDiagnostics.make("memory", message, { hint }));
  }
  try {
    const shared =
      webAssembly === undefined
        ? new SharedArrayBuffer(pages * PAGE)
        : new webAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return new KernelMemory({ shared, from: ALIGNMENT, to: pages * PAGE });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `the host gives no ${bytes} bytes of memory to the simulation: ${error.message}`;
    throw new DiagnosticError(simDiagnostics.make("memory", message, { hint }));
  }
}

/** The least multiple of `unit` that is not below `n`. */
export function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}
