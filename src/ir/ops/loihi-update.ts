/**
 * One timestep of the integer neuron of Loihi, and of three public emulators of it, in plain integers held in doubles:
 * products of a 23-bit state and a 12-bit factor stay below 2^53, so nothing here may use 32-bit operators.
 * Facts, sources and the table of disagreements: docs/loihi-arithmetic.md.
 */

/** What one neuron is configured with. */
export interface LoihiNeuron {
  /** Lost per timestep, of 4096: the registers, 0..4095; brian2 counts current decays to 4096. */
  readonly decayU: number;
  readonly decayV: number;
  /** Threshold as it is compared: mantissa * 2^6. */
  readonly threshold: number;
  /** Effective bias, mantissa * 2^exponent, added to what reaches v. */
  readonly bias: number;
  /** A spike holds v at 0 in the next refractory - 1 timesteps. */
  readonly refractory: number;
  readonly vMin: number;
  readonly vMax: number;
  /** lava: the summed input is shifted by this (left, or right toward minus infinity), then left by 6. */
  readonly currentShift: number;
}

/** State between timesteps. */
export interface LoihiState {
  readonly u: number;
  readonly v: number;
  /** Timesteps for which v will be held at 0. */
  readonly wait: number;
}

export interface LoihiStep extends LoihiState {
  readonly spike: boolean;
}

export type LoihiUpdate = (before: LoihiState, input: number, neuron: LoihiNeuron) => LoihiStep;

/** Bits of a summed input and of u and v beside the sign. */
const INPUT_BITS = 21;
const STATE_BITS = 23;
/** The largest potential; v is clipped to its negative, too, never to -2^23. */
export const POTENTIAL_LIMIT = 2 ** STATE_BITS - 1;

/** sgn(x) * (|x| * kept >> 12): a product of magnitudes, so the rest is lost toward zero. */
function decay(x: number, kept: number): number {
  return Math.trunc((x * kept) / 4096);
}

/** Two's complement of `bits` bits and a sign: into -2^bits..2^bits - 1. */
function wrap(x: number, bits: number): number {
  const span = 2 ** (bits + 1);
  return x - span * Math.floor((x + span / 2) / span);
}

function clamp(x: number, lo: number, hi: number): number {
  return Math.min(hi, Math.max(lo, x));
}

/** Compares, resets v to 0 at a spike, keeps u, and counts the refractory period. */
function fire(u: number, v: number, wait: number, { threshold, refractory }: LoihiNeuron): LoihiStep {
  const spike = v > threshold;
  return { u, v: spike ? 0 : v, wait: spike ? refractory - 1 : Math.max(wait - 1, 0), spike };
}

/**
 * Loihi, as nengo-loihi e564f66 states it (emulator/interface.py, CompartmentState.update): the one normative model.
 * The chip adds 1 to the decay of u and nothing to that of v.
 */
export const updateLoihi: LoihiUpdate = (before, input, neuron) => {
  const q = wrap(input, INPUT_BITS);
  const u = wrap(decay(before.u, 4096 - (neuron.decayU + 1)) + q, STATE_BITS);
  const x = wrap(u + neuron.bias, STATE_BITS);
  const charged = clamp(decay(before.v, 4096 - neuron.decayV) + x, neuron.vMin, neuron.vMax);
  return fire(u, before.wait > 0 ? 0 : charged, before.wait, neuron);
};

/**
 * lava b6822fb (proc/lif/models.py and proc/dense/models.py, fixed point): the exponent of the weights shifts their sum;
 * u wraps once, and into (-2^23, 2^23], one off two's complement; u + bias has no limit of its own; no refractory period.
 */
export const updateLava: LoihiUpdate = (before, input, neuron) => {
  const half = 2 ** STATE_BITS;
  const q = Math.floor(input * 2 ** neuron.currentShift) * 64;
  const sum = decay(before.u, 4096 - (neuron.decayU + 1)) + q;
  const u = sum > half ? sum - 2 * half : sum <= -half ? sum + 2 * half : sum;
  const charged = decay(before.v, 4096 - neuron.decayV) + u + neuron.bias;
  return fire(u, clamp(charged, -POTENTIAL_LIMIT, POTENTIAL_LIMIT), 0, neuron);
};

/**
 * brian2_loihi 9ac5842 (loihi_neuron_group.py): no 1 is added to the decay of u, nothing wraps or clips, and there is no bias.
 * That tool subtracts the decayed part rounded up, which is the same, and decays its current behind the neuron:
 * u here is the current that it records, after the input and before that decay.
 */
export const updateBrian2: LoihiUpdate = (before, input, neuron) => {
  const u = decay(before.u, 4096 - neuron.decayU) + input;
  const charged = decay(before.v, 4096 - neuron.decayV) + u;
  return fire(u, before.wait > 0 ? 0 : charged, before.wait, neuron);
};
