import { defineDiagnostics } from "../../diagnostics/index.js";

export const layerwiseDiagnostics = defineDiagnostics("layerwise", {
  "unsupported-op": {
    severity: "error",
    explain: "The layer-by-layer chip has no lowering for this op, or not for these operands.",
  },
  "unsupported-value": {
    severity: "error",
    explain:
      "A value has a time axis or a format that the layer-by-layer chip cannot hold, or an output cannot be stored.",
  },
  "time-block": {
    severity: "error",
    explain: "A time block must be a multiple of every chunk of the net and at most its number of timesteps.",
  },
  "does-not-fit": {
    severity: "error",
    explain: "A layer needs more of a memory than the chip has, even at the smallest tile and with all maps in DRAM.",
  },
  "weight-width": { severity: "error", explain: "A weight mantissa needs more bits than the chip's weights have." },
  "accumulator-width": {
    severity: "error",
    explain: "The proved bound of a weighted sum needs more bits than the chip's accumulators have.",
  },
  "attention-counters": {
    severity: "error",
    explain: "The K^T V counters of one head exceed the chip's counters in number or width.",
  },
  "patch-values": {
    severity: "error",
    explain: "A layer on real inputs needs more values per window than the chip's patch registers hold.",
  },
});
