/*
 * From sums of patterns to outputs: the sum of a timestep is that of the patterns with its bit; then bias, scale and one
 * rounding (output.ts). Sums of patterns lie pattern by pattern at the job's scratch, as i64 or i32 (T).
 */
import { SumJob } from "./job";
import { writePair } from "./output";

/** Outputs of lanes `lane` to `lane + lanes` of the block; a pattern's sums take `patternBytes`, lane 0 of them is `lane`. */
@inline
export function combine<T>(job: SumJob, steps: u32, patternBytes: u32, lane: u32, lanes: u32, to: usize): void {
  const vector = 16 / sizeof<T>();
  for (let l: u32 = 0; l < lanes; l += vector) {
    const sums = job.scratch + l * sizeof<T>();
    if (steps === 4) combineFour<T>(job, sums, patternBytes, lane + l, to + (l << 2));
    else combineFew<T>(job, steps, sums, patternBytes, lane + l, to + (l << 2));
  }
}

@inline
function at(sums: usize, patternBytes: u32, pattern: u32): v128 {
  return v128.load(sums + (pattern - 1) * patternBytes);
}

/** Sum of four. */
@inline
function sum<T>(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d));
}

/** Pattern c + 4 r stands in column c and row r: 22 additions instead of 28. */
@inline
function combineFour<T>(job: SumJob, sums: usize, size: u32, lane: u32, to: usize): void {
  const five = at(sums, size, 5);
  const six = at(sums, size, 6);
  const seven = at(sums, size, 7);
  const nine = at(sums, size, 9);
  const ten = at(sums, size, 10);
  const eleven = at(sums, size, 11);
  const thirteen = at(sums, size, 13);
  const fourteen = at(sums, size, 14);
  const fifteen = at(sums, size, 15);
  const column3 = sum<T>(at(sums, size, 3), seven, eleven, fifteen);
  write<T>(v128.add<T>(sum<T>(at(sums, size, 1), five, nine, thirteen), column3), job, lane, to);
  write<T>(v128.add<T>(sum<T>(at(sums, size, 2), six, ten, fourteen), column3), job, lane, to + job.stepBytes);
  const row3 = sum<T>(at(sums, size, 12), thirteen, fourteen, fifteen);
  write<T>(v128.add<T>(sum<T>(at(sums, size, 4), five, six, seven), row3), job, lane, to + 2 * job.stepBytes);
  write<T>(v128.add<T>(sum<T>(at(sums, size, 8), nine, ten, eleven), row3), job, lane, to + 3 * job.stepBytes);
}

@inline
function combineFew<T>(job: SumJob, steps: u32, sums: usize, size: u32, lane: u32, to: usize): void {
  for (let s: u32 = 0; s < steps; s++) {
    let total = i64x2.splat(0);
    for (let g: u32 = 1; g < <u32>1 << steps; g++) if ((g >> s) & 1) total = v128.add<T>(total, at(sums, size, g));
    write<T>(total, job, lane, to + s * job.stepBytes);
  }
}

/** A vector of sums as outputs. */
@inline
function write<T>(sums: v128, job: SumJob, lane: u32, to: usize): void {
  if (sizeof<T>() === 8) {
    // Exact for |x| < 2^51: the low bits of 1.5 * 2^52 + x.
    const magic = f64x2.splat(6755399441055744.0);
    writePair(f64x2.sub(i64x2.add(sums, magic), magic), job.bias, job.scales, job.int, lane, to);
  } else {
    writePair(f64x2.convert_low_i32x4_s(sums), job.bias, job.scales, job.int, lane, to);
    const high = i32x4.shuffle(sums, sums, 2, 3, 2, 3);
    writePair(f64x2.convert_low_i32x4_s(high), job.bias, job.scales, job.int, lane + 2, to + 8);
  }
}

