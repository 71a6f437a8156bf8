import type { EnergyTable } from "../table.js";

/**
 * The convention of nearly all spiking-network papers: one accumulate is an fp32 addition, one multiply-accumulate an fp32
 * multiplication and an addition, at 45 nm and 0.9 V (M. Horowitz, "Computing's energy problem", ISSCC 2014). Arithmetic and
 * memory stand in separate rows, because the papers count the first alone.
 */
const HOROWITZ = "Horowitz, ISSCC 2014, 45 nm 0.9 V";

export const horowitz45nm: EnergyTable = {
  name: "horowitz-45nm",
  description: "45 nm fp32 arithmetic (AC 0.9 pJ, MAC 4.6 pJ) with SRAM and DRAM traffic beside it",
  covers: ["arithmetic", "sram", "dram"],
  events: {
    ac: { joules: 0.9e-12, source: `${HOROWITZ}: fp32 add`, status: "published" },
    mac: { joules: 4.6e-12, source: `${HOROWITZ}: fp32 mult 3.7 pJ + fp32 add 0.9 pJ`, status: "published" },
    kv: { joules: 0.9e-12, source: `${HOROWITZ}: fp32 add, as the papers price K^T V`, status: "published" },
    qa: { joules: 0.9e-12, source: `${HOROWITZ}: fp32 add, as the papers price Q (K^T V)`, status: "published" },
    add: { joules: 0.9e-12, source: `${HOROWITZ}: fp32 add`, status: "published" },
  },
  sram: [
    { bytes: 8 * 1024, joules: 10e-12 / 64, source: `${HOROWITZ}: 64-bit read of 8 KB, 10 pJ`, status: "published" },
    {
      bytes: 32 * 1024,
      joules: 20e-12 / 64,
      source: `${HOROWITZ}: 64-bit read of 32 KB, 20 pJ (one transcription, not the slide)`,
      status: "published",
    },
    {
      bytes: 1024 * 1024,
      joules: 100e-12 / 64,
      source: `${HOROWITZ}: 64-bit read of 1 MB, 100 pJ (one transcription, not the slide)`,
      status: "published",
    },
  ],
  dram: {
    joules: 1950e-12 / 64,
    source: `${HOROWITZ}: DRAM access of 64 bits, mean of 1.3 and 2.6 nJ (one transcription, not the slide)`,
    status: "published",
  },
};
