import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { Bell } from "../../../src/sim/bell.js";
import { CALLS, type Calls, type Division } from "../../../src/sim/kernels/board.js";
import {
  createMemory,
  Helper,
  THREAD_BYTES,
  type KernelMemory,
  type Threading,
} from "../../../src/sim/kernels/index.js";
import { Team } from "../../../src/sim/kernels/team.js";
import { webAssembly } from "../../../src/sim/kernels/webassembly.js";

const MODULE = new webAssembly!.Module(readFileSync(new URL("../../../src/sim/kernels/kernels.wasm", import.meta.url)));

const UNITS = 10;
/** The fields of the record of the call under test: number of units, address of the first. */
const COUNT = 1;
const ADDRESS = 0;

const teams: Team[] = [];
afterEach(() => teams.splice(0).forEach((team) => team.close()));

/** A team whose own hand does `own` instead of any kernel. */
function teamOf(own: (memory: KernelMemory, record: number) => void, threading: Threading) {
  const memory = createMemory(65536 + 4 * THREAD_BYTES);
  const calls = Object.fromEntries(CALLS.map((name) => [name, (record: number) => own(memory, record)]));
  const team = new Team(MODULE, memory, calls as unknown as Calls, threading);
  teams.push(team);
  return { memory, team };
}

/** A call over UNITS units of four bytes, in pieces of three. */
function marks(at: number, given: Partial<Division> = {}): Division {
  const record = [at, UNITS];
  return {
    call: "sum32",
    argument: 0,
    record,
    units: UNITS,
    unitsField: COUNT,
    piece: 3,
    moves: [[ADDRESS, 4]],
    scratchField: -1,
    countsField: -1,
    ...given,
  };
}

describe("a team", () => {
  it("does each unit once, whoever takes it", () => {
    const sizes: number[] = [];
    const { memory, team } = teamOf(({ i32 }, record) => {
      const [at, n] = i32.subarray(record / 4, record / 4 + 2) as unknown as [number, number];
      sizes.push(n);
      for (let i = 0; i < n; i++) i32[at / 4 + i]!++;
    }, {});
    const at = memory.take(4 * UNITS, "marks");
    team.run(marks(at));
    expect(sizes).toEqual([3, 3, 3, 1]);
    expect([...memory.i32.subarray(at / 4, at / 4 + UNITS)]).toEqual(Array.from({ length: UNITS }, () => 1));
  });

  it("has helpers that compute what this thread does not get to", () => {
    // Neurons without thresholds to reach: one lane of eight per position fires. This thread does nothing, slowly.
    const slow = new Int32Array(new SharedArrayBuffer(4));
    const { memory, team } = teamOf(() => void Atomics.wait(slow, 0, 0, 20), { threads: 2 });
    const [current, threshold, output] = [64 * 8 * 4, 32, 64].map((bytes) => memory.take(bytes, "room"));
    memory.f32.fill(1, current! / 4, current! / 4 + 64 * 8);
    memory.f32.fill(2, threshold! / 4, threshold! / 4 + 8);
    memory.f32[threshold! / 4 + 3] = 1;
    const [rule, gt, soft] = [3, 0, 0];
    const fields = [
      current,
      32,
      0,
      64,
      8,
      8,
      1,
      rule,
      0,
      32,
      0,
      0,
      threshold,
      threshold,
      gt,
      soft,
      output,
      1,
      1,
      0,
      0,
      1,
    ];
    const division = marks(0, {
      call: "fireReal",
      record: fields as number[],
      units: 64,
      unitsField: 3,
      piece: 1,
      moves: [
        [0, 32],
        [16, 1],
      ],
      countsField: 19,
    });
    const fired = (): number => memory.u8.subarray(output, output! + 64).reduce((sum, byte) => sum + byte, 0);
    // The thread comes up while the first calls run.
    for (let i = 0; i < 100 && fired() === 0; i++) team.run(division);
    expect(fired()).toBeGreaterThan(0);
    expect(fired() % 8).toBe(0);
  });

  it("raises the fault of a piece", () => {
    const { memory, team } = teamOf(() => {
      throw new WebAssemblyTrap();
    }, {});
    expect(() => team.run(marks(memory.take(64, "marks")))).toThrow("a kernel failed");
  });

  it("finds out that a thread died with a piece in its hand", () => {
    const { memory, team } = teamOf(() => undefined, { threads: 2, guests: 1, patience: 50 });
    const { board } = team.invite(0).hand;
    // As if the guest had taken one more piece.
    const { own } = team;
    const help = own.help.bind(own);
    own.help = () => {
      const helped = help();
      if (!helped) Atomics.add(memory.i32, board / 4 + 1, 1);
      return helped;
    };
    expect(() => team.run(marks(memory.take(64, "marks")))).toThrow("a kernel thread is gone");
    own.help = help;
    expect(() => team.run(marks(memory.take(64, "marks")))).toThrow("a kernel thread is gone");
  });

  it("computes nothing when it is closed", () => {
    const { memory, team } = teamOf(() => undefined, {});
    team.close();
    expect(() => team.run(marks(memory.take(64, "marks")))).toThrow("the kernels were closed");
  });

  it("has room for its guests alone", () => {
    const { team } = teamOf(() => undefined, { threads: 2, guests: 1 });
    expect(new Helper(team.invite(0).hand).help()).toBe(false);
    expect(() => team.invite(1)).toThrow("guest 1 of 1");
  });
});

class WebAssemblyTrap extends Error {}

describe("a bell", () => {
  it("is not waited for when it rang behind the last look, and gives up in time", () => {
    const bell = new Bell();
    const { rings } = bell;
    expect(bell.wait(rings, 1)).toBe(false);
    new Bell(bell.shared).ring();
    expect(bell.wait(rings, 1)).toBe(true);
  });
});
