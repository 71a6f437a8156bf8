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
});
