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
