import { defineDiagnostics } from "../diagnostics/index.js";

export const energyDiagnostics = defineDiagnostics("energy", {
  "bad-table": {
    severity: "error",
    explain: "The energy table does not have the form that spikec reads; the message names the field.",
  },
  "unknown-table": {
    severity: "error",
    explain: "No energy table of this name is built in, and no file of this name exists.",
  },
});
