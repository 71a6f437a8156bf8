import { defineDiagnostics } from "../diagnostics/index.js";

export const energyDiagnostics = defineDiagnostics("energy", {
  "bad-table": {
    severity: "error",
    explain: "The energy table does not have the form that spikec reads; the message names the field.",
  },
  "no-price": {
    severity: "error",
    explain: "A table of a paper is recomputed with prices that the energy table does not have.",
  },
  "unknown-paper": {
    severity: "error",
    explain: "No table of a paper is built in under this name; `spikec energy --paper` lists them.",
  },
  "unknown-row": {
    severity: "error",
    explain: "The table of the paper has no row of this name.",
  },
  "unknown-table": {
    severity: "error",
    explain: "No energy table of this name is built in, and no file of this name exists.",
  },
  overlap: {
    severity: "error",
    explain:
      "Two energy tables cover the same component of a chip, so their sum would count it twice: a whole-chip figure, for example, has the memories in it already. The message names what both cover.",
  },
  "nothing-priced": {
    severity: "error",
    explain:
      "The energy table has no figure for what is asked: one with events of step-by-step chips alone prices no run of a layer-by-layer chip, and one with whole-chip power alone tells no two schedules apart.",
  },
  "unknown-convention": {
    severity: "error",
    explain: "No convention of counting energy has this name; docs/energy.md describes them.",
  },
  "convention-needs": {
    severity: "error",
    explain:
      "A convention needs something that the given rates do not say, such as the rate behind a pool or where spikes are. An evaluated network has all of it.",
  },
});
