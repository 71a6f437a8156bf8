import type { LoihiProgram, NeuroCore } from "../../../backends/program/loihi/program.js";
import type { AxonKinds } from "./axon-kinds.js";

/*
 * What the message of a route brings, as words: core, kind of its axon, number of stretches, then the stretches. A stretch is a part of
 * a list whose synapses have one delay, at a base: its first synapse and the one behind its last, base compartment, delay.
 */
export const KIND = 1;
export const STRETCHES = 2;
export const HEADER = 3;
export const STRETCH = 4;

/**
 * The deliveries of all routes. They lie in the order of the senders, not in that of the receiving axons, so that those of one
 * spike are found in one place: what a message costs the simulator is mostly the memory that is in no cache.
 */
export class Deliveries {
  readonly words: Int32Array;
  /** By core, then by input: where the deliveries of sender i begin; they end where those of sender i + 1 begin. */
  readonly ofCores: readonly Int32Array[];
  readonly ofInputs: readonly Int32Array[];

  /** `kinds` is by core; undefined for attention cores, where the kind of an axon is its number. */
  constructor(program: LoihiProgram, kinds: readonly (AxonKinds | undefined)[]) {
    const { cores, inputs } = program;
    const axons = cores.map((core, i) => (core.kind === "neuro" ? new Axons(core, kinds[i]!) : undefined));
    const tables = [...cores, ...inputs].map(({ routes }) => routes);
    let size = 0;
    const starts = tables.map(({ start, core, axon }) => {
      const begins = new Int32Array(start.length);
      for (let sender = 0; sender < start.length; sender++) {
        begins[sender] = size;
        for (let route = start[sender]!; route < (start[sender + 1] ?? 0); route++) {
          size += HEADER + STRETCH * (axons[core[route]!]?.stretches(axon[route]!) ?? 0);
        }
      }
      return begins;
    });
    this.words = new Int32Array(size);
    let at = 0;
    for (const { core, axon } of tables) {
      for (let route = 0; route < core.length; route++) {
        this.words[at] = core[route]!;
        const target = axons[core[route]!];
        if (target === undefined) this.words[at + KIND] = axon[route]!;
        else target.write(axon[route]!, this.words, at);
        at = this.next(at);
      }
    }
    this.ofCores = starts.slice(0, cores.length);
    this.ofInputs = starts.slice(cores.length);
  }

  /** The delivery behind the one at `at`. */
  next(at: number): number {
    return at + HEADER + STRETCH * this.words[at + STRETCHES]!;
  }
}

/** The axons of one core as stretches. */
class Axons {
  /** Stretches starts[i]..starts[i + 1] - 1 are list i. */
  private readonly starts: Int32Array;
  private readonly first: Int32Array;

  constructor(
    private readonly core: NeuroCore,
    private readonly kinds: AxonKinds,
  ) {
    const { start, delay } = core.lists;
    const first: number[] = [];
    this.starts = new Int32Array(start.length);
    for (let list = 0; list < start.length - 1; list++) {
      for (let synapse = start[list]!; synapse < start[list + 1]!; synapse++) {
        if (synapse === start[list] || delay[synapse] !== delay[synapse - 1]) first.push(synapse);
      }
      this.starts[list + 1] = first.length;
    }
    // The end of one stretch is the beginning of the next.
    this.first = Int32Array.from([...first, delay.length]);
  }

  stretches(axon: number): number {
    const { start, list } = this.core.axons;
    let count = 0;
    for (let entry = start[axon]!; entry < start[axon + 1]!; entry++) {
      count += this.starts[list[entry]! + 1]! - this.starts[list[entry]!]!;
    }
    return count;
  }

  /** Writes everything but the core. */
  write(axon: number, words: Int32Array, at: number): void {
    const { axons, lists } = this.core;
    words[at + KIND] = this.kinds.of[axon]!;
    words[at + STRETCHES] = this.stretches(axon);
    let field = at + HEADER;
    for (let entry = axons.start[axon]!; entry < axons.start[axon + 1]!; entry++) {
      const list = axons.list[entry]!;
      for (let stretch = this.starts[list]!; stretch < this.starts[list + 1]!; stretch++) {
        const first = this.first[stretch]!;
        words[field++] = first;
        words[field++] = this.first[stretch + 1]!;
        words[field++] = axons.base[entry]!;
        words[field++] = lists.delay[first]!;
      }
    }
  }
}
