/**
 * A grid of crossbar cores as RANC's memory files hold it, and what its test bench puts in and expects. UA-RCL/RANC:
 * `truenorthutils/neuron.py`, `packet.py` and `emulation.py` (dcb9ef5, 58fd646) write these files, the hardware reads them.
 */

/** Where a packet goes: by how many cores in a row and by how many rows from its sender, an axon there, and ticks that it waits beyond the next. */
export interface RancPacket {
  readonly dx: number;
  readonly dy: number;
  readonly axon: number;
  readonly tick: number;
}

/** A row of a core's memory: one neuron. */
export interface RancNeuron {
  /** Axons that it listens to, ascending. */
  readonly connections: readonly number[];
  /** Potential before the first tick. */
  readonly potential: number;
  /** By type of axon. */
  readonly weights: readonly number[];
  readonly leak: number;
  readonly positiveThreshold: number;
  readonly negativeThreshold: number;
  readonly reset: "absolute" | "linear";
  readonly resetPotential: number;
  /** What it sends when it fires. */
  readonly packet: RancPacket;
}

export interface RancCore {
  /** By axon: which of a neuron's weights counts. */
  readonly axonTypes: readonly number[];
  readonly neurons: readonly RancNeuron[];
}

export interface RancGrid {
  /** Folder, as it was given. */
  readonly folder: string;
  /** Axons and neurons of each core. */
  readonly axons: number;
  readonly neurons: number;
  /** Row by row; the files do not say how long a row is. */
  readonly cores: readonly RancCore[];
}

/** A recorded run. */
export interface RancBench {
  /** By tick: packets put in at core (0, 0) before it. */
  readonly inputs: readonly (readonly RancPacket[])[];
  /** By tick, from the first that depends on the inputs: axons of the output bus that got a packet, ascending. */
  readonly outputs: readonly (readonly number[])[];
}

/** Weight of a connection. */
export function weightOf({ axonTypes }: RancCore, { weights }: RancNeuron, axon: number): number {
  return weights[axonTypes[axon]!]!;
}

/** Whether a neuron stays at rest whatever arrives. RANC fills memories with such rows; where their packets would go means nothing. */
export function isIdle(core: RancCore, neuron: RancNeuron): boolean {
  const { potential, leak, positiveThreshold, negativeThreshold, connections } = neuron;
  const still = potential === 0 && leak === 0 && positiveThreshold > 0 && negativeThreshold <= 0;
  return still && connections.every((axon) => weightOf(core, neuron, axon) === 0);
}
