import { defineDiagnostics } from "../diagnostics/index.js";

/** Every code that reading and running a pipeline may give. */
export const passDiagnostics = defineDiagnostics("passes", {
  syntax: {
    severity: "error",
    explain: "A pipeline is passes separated by commas, each with options in braces: `a,b{key=value other=value}`.",
  },
  "unknown-pass": { severity: "error", explain: "No pass or pipeline has this name; `spikec passes` lists them." },
  "unknown-option": { severity: "error", explain: "The pass has no such option; `spikec passes NAME` lists them." },
  option: { severity: "error", explain: "The value of an option is of the wrong type or outside its legal values." },
  calibration: {
    severity: "error",
    explain: "Calibration inputs or labels do not fit the net: their shapes and numbers are compared with its inputs.",
  },
  "not-integer": {
    severity: "error",
    explain: "`quantize` met an op that has no counterpart in integers, or whose integers would not fit their widths.",
  },
  "assumed-range": {
    severity: "warning",
    explain:
      "`quantize` was told neither the range of a real input nor given inputs to measure it on, and assumed one; values beyond it saturate.",
  },
  "no-schedule": {
    severity: "error",
    explain: "No division of the net into groups of layers with a time block each can run on the chip.",
  },
  requirement: {
    severity: "error",
    explain: "A pass needs something of the net that neither holds nor is brought about by an earlier pass.",
  },
});
