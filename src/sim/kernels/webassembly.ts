/** The part of the WebAssembly interface that we use; neither TypeScript's es2023 library nor Node's types declare it. */

export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  /** Whether the engine understands every instruction of a module. */
  validate(bytes: Uint8Array): boolean;
}

/** Absent where the host has no WebAssembly. */
export const webAssembly = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
