import { describe, expect, it } from "vitest";
import type { FieldsOf } from "../../../../src/backends/program/instruction.js";
import { AccumulateTiming } from "../../../../src/sim/layerwise/event/timing/accumulate.js";
import { accessOf, DATA, SPIKE, WEIGHT, type Access } from "../../../../src/sim/layerwise/event/timing/script.js";
import { UNKNOWN } from "../../../../src/sim/layerwise/event/timing/stretch.js";
import type { ScanWork } from "../../../../src/sim/layerwise/event/work.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { instruction } from "../../support.js";

/* The schedule of `accumulate` against the machine it stands for, cycle by cycle, with ports taken from it at random. */

const BANKS = [1 << 20, 1 << 20, 1 << 20];
const access = (memory: number, address: number): Access => accessOf(memory, address);

const LANES = 8;
const PARALLEL = 5;

/** Scan words as the lanes with a bit, position by position, all positions alike. */
type Tile = readonly (readonly (readonly number[])[])[];

function workOf(tile: Tile, steps: number): ScanWork {
  const words = tile.flat();
  const spikes = new Uint8Array(words.length * PARALLEL);
  // Each bit in a timestep of its own; a bit behind those of the group does not count.
  words.forEach((lanes, w) => lanes.forEach((lane, i) => (spikes[w * PARALLEL + (i % steps)]! |= 1 << lane)));
  words.forEach((_, w) => (spikes[w * PARALLEL + 4] = 255));
  return {
    words: Int32Array.from(words, ({ length }) => length),
    rows: words.reduce((sum, { length }) => sum + length, 0),
    spikes,
    first: 500,
  };
}

interface Word {
  readonly rows: readonly number[];
  readonly last: boolean;
  readonly position: number;
}

/** Scanner, FIFO and adder, one cycle after the other: docs/layerwise-chip.md, section 3. */
class Plain {
  private parameters = 0;
  private readonly words: readonly Word[];
  private scanned = 0;
  private readonly fifo: { readonly rows: number[]; readonly last: boolean; readonly position: number }[] = [];
  private step = 0;
  private writing = -1;
  private written = 0;

  constructor(
    private readonly tile: Tile,
    private readonly f: FieldsOf<"accumulate">,
    private readonly depth: number,
  ) {
    this.words = tile.flatMap((words, position) =>
      words.map((lanes, block) => ({
        rows: lanes.map((lane) => block * LANES + lane),
        last: block === words.length - 1,
        position,
      })),
    );
  }

  get ended(): boolean {
    return this.written === this.tile.length;
  }

  wishes(): { readonly adder: Access; readonly scanner: Access } {
    const { f, fifo } = this;
    if (this.parameters < 3) return { adder: access(WEIGHT, f.parameters + this.parameters), scanner: 0 };
    const room = this.scanned < this.words.length && fifo.length < this.depth;
    const scanner = room ? access(SPIKE, 500 + this.scanned) : 0;
    const head = fifo[0];
    const writes = this.writing >= 0 ? this.writing : head?.rows.length === 0 ? head.position : -1;
    if (writes >= 0) {
      return { adder: access(DATA, f.output + writes * f.outputStride + this.step * f.outputStepStride), scanner };
    }
    return { adder: head === undefined ? 0 : access(WEIGHT, f.weights + head.rows[0]!), scanner };
  }

  commit(adder: boolean, scanner: boolean): void {
    if (this.parameters < 3) {
      if (adder) this.parameters++;
      return;
    }
    const head = this.fifo[0];
    if (scanner) {
      const { rows, last, position } = this.words[this.scanned++]!;
      if (rows.length > 0 || last) this.fifo.push({ rows: [...rows], last, position });
    }
    if (!adder) return;
    if (this.writing < 0 && head!.rows.length > 0) {
      head!.rows.shift();
      if (head!.rows.length > 0) return;
      this.fifo.shift();
      if (head!.last) this.writing = head!.position;
      return;
    }
    if (this.writing < 0) this.writing = this.fifo.shift()!.position;
    if (++this.step < this.f.steps) return;
    this.step = 0;
    this.writing = -1;
    this.written++;
  }
}

function randomTile(random: Random): Tile {
  const busy = random.pick([0.05, 0.3, 0.7, 1]);
  const most = random.pick([1, 3, 8]);
  const words = random.int(1, 12);
  return Array.from({ length: random.int(1, 12) }, () =>
    Array.from({ length: words }, () => {
      const first = random.int(0, LANES - most);
      return random.next() < busy ? Array.from({ length: random.int(1, most) }, (_, i) => first + i) : [];
    }),
  );
}

describe("the schedule of accumulate", () => {
  it("asks for what scanner and adder ask for in each cycle, and knows it ahead, however often they are denied", () => {
    let denials = 0;
    let known = 0;
    for (let seed = 1; seed <= 1500; seed++) {
      const random = new Random(seed);
      const tile = randomTile(random);
      const depth = random.int(1, 6);
      const f = instruction("accumulate", {
        parameters: 3,
        weights: 11,
        output: 13,
        outputStride: 17,
        outputStepStride: 5,
        steps: random.int(1, 4),
        input: 500,
        kernel: 1,
        stride: 1,
        padding: 0,
        height: 1,
        width: tile.length,
        outRows: 1,
        outWidth: tile.length,
        blocks: tile[0]!.length,
        channels: tile[0]!.length * LANES,
        planes: 1,
      }).fields as FieldsOf<"accumulate">;
      const timing = new AccumulateTiming(
        { lanes: LANES, parallelTimesteps: PARALLEL, fifoDepth: depth, weightBits: 32 },
        BANKS,
      );
      const work = workOf(tile, f.steps);
      // Twice, so that the second run begins with what the first one left behind.
      for (let run = 0; run < 2; run++) {
        const plain = new Plain(tile, f, depth);
        const often = random.pick([0, 0.02, 0.1, 0.5]);
        let cycle = random.int(0, 100);
        timing.begin(f, work, cycle);
        const rows = Array.from({ length: f.channels }, (_, row) => access(WEIGHT, f.weights + row));
        let ahead = UNKNOWN;
        let deniedHere = false;
        for (; !plain.ended; cycle++) {
          const { adder, scanner } = plain.wishes();
          const got = [timing.adderAccess(cycle), timing.scannerAccess(cycle)];
          if (got[0] !== adder || got[1] !== scanner) {
            throw new Error(`seed ${seed}, cycle ${cycle}: [${got.join(", ")}] instead of [${adder}, ${scanner}]`);
          }
          // What is known ahead holds until the next denial.
          if (cycle >= ahead.until) ahead = timing.rows(cycle);
          if (cycle < ahead.until) {
            const met = rows.filter((row) => ahead.meets(row, cycle));
            if (met.length !== (rows.includes(adder) ? 1 : 0) || (met.length > 0 && met[0] !== adder)) {
              throw new Error(`seed ${seed}, cycle ${cycle}: rows [${met.join(", ")}] ahead of [${adder}]`);
            }
            if (deniedHere) known++;
          }
          const denied = [adder !== 0 && random.next() < often, scanner !== 0 && random.next() < often] as const;
          plain.commit(adder !== 0 && !denied[0], scanner !== 0 && !denied[1]);
          if (!denied[0] && !denied[1]) continue;
          timing.deny(cycle, ...denied);
          ahead = UNKNOWN;
          deniedHere = true;
          denials++;
        }
        expect(timing.last).toBe(cycle - 1);
      }
    }
    expect(denials).toBeGreaterThan(10_000);
    expect(known).toBeGreaterThan(10_000);
  });
});
