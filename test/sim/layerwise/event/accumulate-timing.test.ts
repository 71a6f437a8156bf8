import { describe, expect, it } from "vitest";
import type { FieldsOf } from "../../../../src/backends/program/instruction.js";
import { AccumulateTiming } from "../../../../src/sim/layerwise/event/timing/accumulate.js";
import { accessOf, DATA, SPIKE, WEIGHT, type Access } from "../../../../src/sim/layerwise/event/timing/script.js";
import type { ScanWork } from "../../../../src/sim/layerwise/event/work.js";
import { Random } from "../../../backends/layerwise/nets.js";
import { instruction } from "../../support.js";

/* The schedule of `accumulate` against the machine it stands for, cycle by cycle, with ports taken from it at random. */

const BANKS = [1 << 20, 1 << 20, 1 << 20];
const access = (memory: number, address: number): Access => accessOf(memory, address);

/** Scan words as the bits of each, position by position. */
type Tile = readonly (readonly number[])[];

function workOf(tile: Tile): ScanWork {
  const [addresses, word, bits, position, last, firstRow, rows]: number[][] = [[], [], [], [], [], [], []];
  tile.forEach((words, p) =>
    words.forEach((n, w) => {
      const end = w === words.length - 1;
      if (n > 0 || end) {
        word!.push(addresses!.length);
        bits!.push(n);
        position!.push(p);
        last!.push(end ? 1 : 0);
        firstRow!.push(rows!.length);
      }
      addresses!.push(500 + addresses!.length);
      for (let i = 0; i < n; i++) rows!.push(7 * rows!.length);
    }),
  );
  const ints = (list: number[] | undefined): Int32Array => Int32Array.from(list!);
  return {
    addresses: ints(addresses),
    pushes: word!.length,
    word: ints(word),
    bits: ints(bits),
    position: ints(position),
    last: Uint8Array.from(last!),
    firstRow: ints(firstRow),
    rows: ints(rows),
  };
}

/** Scanner, FIFO and adder, one cycle after the other: docs/layerwise-chip.md, section 3. */
class Plain {
  private parameters = 0;
  private readonly words: readonly { readonly bits: number; readonly last: boolean; readonly position: number }[];
  private scanned = 0;
  private readonly fifo: { left: number; readonly last: boolean; readonly position: number }[] = [];
  private rows = 0;
  private step = 0;
  private writing = -1;
  private written = 0;

  constructor(
    private readonly tile: Tile,
    private readonly f: FieldsOf<"accumulate">,
    private readonly depth: number,
  ) {
    this.words = tile.flatMap((words, position) =>
      words.map((bits, i) => ({ bits, last: i === words.length - 1, position })),
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
    const writes = this.writing >= 0 ? this.writing : head?.left === 0 ? head.position : -1;
    if (writes >= 0) {
      return { adder: access(DATA, f.output + writes * f.outputStride + this.step * f.outputStepStride), scanner };
    }
    return { adder: head === undefined ? 0 : access(WEIGHT, f.weights + 7 * this.rows), scanner };
  }

  commit(adder: boolean, scanner: boolean): void {
    if (this.parameters < 3) {
      if (adder) this.parameters++;
      return;
    }
    const head = this.fifo[0];
    if (scanner) {
      const { bits, last, position } = this.words[this.scanned++]!;
      if (bits > 0 || last) this.fifo.push({ left: bits, last, position });
    }
    if (!adder) return;
    if (this.writing < 0 && head!.left > 0) {
      this.rows++;
      if (--head!.left > 0) return;
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
    Array.from({ length: words }, () => (random.next() < busy ? random.int(1, most) : 0)),
  );
}

describe("the schedule of accumulate", () => {
  it("asks for what scanner and adder ask for in each cycle, however often they are denied", () => {
    let denials = 0;
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
      }).fields as FieldsOf<"accumulate">;
      const timing = new AccumulateTiming(depth, BANKS);
      const work = workOf(tile);
      // Twice, so that the second run begins with what the first one left behind.
      for (let run = 0; run < 2; run++) {
        const plain = new Plain(tile, f, depth);
        const often = random.pick([0, 0.02, 0.1, 0.5]);
        let cycle = random.int(0, 100);
        timing.begin(f, work, cycle);
        for (; !plain.ended; cycle++) {
          const { adder, scanner } = plain.wishes();
          const got = [timing.adderAccess(cycle), timing.scannerAccess(cycle)];
          if (got[0] !== adder || got[1] !== scanner) {
            throw new Error(`seed ${seed}, cycle ${cycle}: [${got.join(", ")}] instead of [${adder}, ${scanner}]`);
          }
          const denied = [adder !== 0 && random.next() < often, scanner !== 0 && random.next() < often] as const;
          plain.commit(adder !== 0 && !denied[0], scanner !== 0 && !denied[1]);
          if (!denied[0] && !denied[1]) continue;
          timing.deny(cycle, ...denied);
          denials++;
        }
        expect(timing.last).toBe(cycle - 1);
      }
    }
    expect(denials).toBeGreaterThan(10_000);
  });
});
