import type { FieldsOf } from "../../../../backends/program/instruction.js";
import { laneInts, loadBits } from "../../../kernels/bits.js";
import type { ScanWork } from "../work.js";
import { Window } from "../window.js";
import type { Chip } from "./chip.js";

/** The spikes under the windows of a tile, as lists of weight rows: the same for every block of outputs. */
export interface SpikeLists extends ScanWork {
  /**
   * Rows of a position and plane, sorted by the pattern of timesteps in which they are added: rows of pattern g are
   * sorted[starts[l * (patterns + 1) + g]] to before that of g + 1, where l = position * planes + plane.
   */
  readonly sorted: Int32Array;
  readonly starts: Int32Array;
  /** Rows added, by timestep of the group. */
  readonly rowsPerStep: Float64Array;
  /** Spike words read: none of them lies outside first..last. */
  readonly first: number;
  readonly end: number;
}

/** A growing list of integers. */
class Ints {
  values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  taken(): Int32Array {
    return this.values.slice(0, this.length);
  }
}

/** Scans a tile in the order of the scanner: positions, planes, taps (ky, then kx), channel blocks. */
export function scanTile(f: FieldsOf<"accumulate">, chip: Chip): SpikeLists {
  const { lanes } = chip;
  const { steps } = f;
  const positions = f.outRows * f.outWidth;
  const patterns = 1 << steps;
  const { u8, i32, wordBytes } = chip.memories.spike;
  const ints = laneInts(lanes);
  const bits = new Int32Array(ints * steps);
  const window = new Window(f);
  const addresses = new Ints();
  const [word, counts, position, last, firstRow] = [new Ints(), new Ints(), new Ints(), new Ints(), new Ints()];
  const rows = new Ints();
  const gates = new Ints();
  const sorted = new Ints();
  const starts = new Int32Array(positions * f.planes * (patterns + 1));
  const rowsPerStep = new Float64Array(steps);
  let [first, end] = [Infinity, 0];

  for (let p = 0; p < positions; p++) {
    window.place(p);
    for (let plane = 0; plane < f.planes; plane++) {
      const listStart = rows.length;
      for (let ky = window.kyFrom; ky < window.kyTo; ky++) {
        for (let kx = window.kxFrom; kx < window.kxTo; kx++) {
          const origin = window.word(ky, kx) + plane * f.planeStride;
          for (let b = 0; b < f.blocks; b++) {
            const address = origin + b;
            if (address < first) first = address;
            if (address >= end) end = address + 1;
            const before = rows.length;
            loadBits(u8, i32, address * wordBytes, lanes, steps, bits, 0);
            const row = (ky * f.kernel + kx) * f.channels + b * lanes;
            for (let i = 0; i < ints; i++) {
              let or = 0;
              for (let s = 0; s < steps; s++) or |= bits[s * ints + i]!;
              // Lanes beyond the channels do not count.
              const left = f.channels - b * lanes - 32 * i;
              if (left < 32) or &= left <= 0 ? 0 : (1 << left) - 1;
              while (or !== 0) {
                const lane = 31 - Math.clz32(or & -or);
                let gate = 0;
                for (let s = 0; s < steps; s++) gate |= ((bits[s * ints + i]! >>> lane) & 1) << s;
                rows.push(row + 32 * i + lane);
                gates.push(gate);
                or &= or - 1;
              }
            }
            if (rows.length > before) {
              word.push(addresses.length);
              counts.push(rows.length - before);
              position.push(p);
              last.push(0);
              firstRow.push(before);
            }
            addresses.push(address);
          }
        }
      }
      sortByPattern(rows, gates, listStart, patterns, starts, (p * f.planes + plane) * (patterns + 1), sorted);
    }
    // The last scan word of a position enters the FIFO in any case.
    if (word.length === 0 || word.values[word.length - 1] !== addresses.length - 1) {
      word.push(addresses.length - 1);
      counts.push(0);
      position.push(p);
      last.push(0);
      firstRow.push(rows.length);
    }
    last.values[last.length - 1] = 1;
  }
  for (let i = 0; i < gates.length; i++) {
    for (let s = 0; s < steps; s++) if (((gates.values[i]! >> s) & 1) === 1) rowsPerStep[s]!++;
  }
  return {
    addresses: addresses.taken(),
    pushes: word.length,
    word: word.taken(),
    bits: counts.taken(),
    position: position.taken(),
    last: Uint8Array.from(last.taken()),
    firstRow: firstRow.taken(),
    rows: rows.taken(),
    sorted: sorted.taken(),
    starts,
    rowsPerStep,
    first,
    end,
  };
}

/** Appends the rows from `from` on to `sorted`, by pattern, and sets the starts of the patterns. */
function sortByPattern(
  rows: Ints,
  gates: Ints,
  from: number,
  patterns: number,
  starts: Int32Array,
  at: number,
  sorted: Ints,
): void {
  const base = sorted.length;
  for (let i = from; i < rows.length; i++) starts[at + gates.values[i]! + 1]!++;
  starts[at] = base;
  for (let g = 1; g <= patterns; g++) starts[at + g]! += starts[at + g - 1]!;
  for (let i = from; i < rows.length; i++) sorted.push(0);
  for (let i = from; i < rows.length; i++) sorted.values[starts[at + gates.values[i]!]!++] = rows.values[i]!;
  for (let g = patterns; g > 0; g--) starts[at + g] = starts[at + g - 1]!;
  starts[at] = base;
}
