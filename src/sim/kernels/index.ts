import { createMemory, KernelMemory, type SharedPart } from "./memory.js";
import type { Kernels, KernelsName } from "./kernels.js";
import { createPlain } from "./plain.js";
import { createSimd, hasSimd } from "./simd.js";
import type { Threading } from "./team.js";

export { counterBytes, counterRowBytes, type AttendKeys, type AttendQueries } from "./attend.js";
export type { FireJob, NeuronRule } from "./fire.js";
export * from "./kernels.js";
export { createMemory, KernelMemory, type SharedPart } from "./memory.js";
export type { Multiplication, Multiplied } from "./multiply.js";
export { Helper } from "./helper.js";
export { GRAIN, THREAD_BYTES, type HelperStart, type Threading } from "./team.js";
export type { Addition, Conversion, MaxPool, OrPool } from "./vector.js";

/**
 * Kernels over a memory of `size` bytes, or over a part of one that another thread shares. `name` chooses the implementation;
 * left out, it is `simd` where the host has vectors and shared memory, else `plain`. Results are the same, bit for bit.
 * `simd` divides large calls among threads; `plain` computes everything here.
 */
export function createKernels(size: number | SharedPart, name?: KernelsName, threading: Threading = {}): Kernels {
  const memory = typeof size === "number" ? createMemory(size) : new KernelMemory(size);
  return (name ?? (hasSimd() ? "simd" : "plain")) === "simd" ? createSimd(memory, threading) : createPlain(memory);
}
