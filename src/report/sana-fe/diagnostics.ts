import { defineDiagnostics } from "../../diagnostics/index.js";

export const sanaFeDiagnostics = defineDiagnostics("sana-fe", {
  "attention-core": {
    severity: "error",
    explain:
      "The program uses attention cores. SANA-FE has neuro-cores alone, and no model of that kind among its own.",
  },
  relay: {
    severity: "error",
    explain: "The program has relays, which send sums as the payload of messages. Messages of SANA-FE are spikes.",
  },
  "graded-input": {
    severity: "error",
    explain: "The host would put currents into the chip. Input neurons of SANA-FE have spikes.",
  },
  profile: {
    severity: "error",
    explain: "The neuron model of SANA-FE that is exported to cannot follow the arithmetic of this chip.",
  },
  delay: {
    severity: "error",
    explain: "A synapse is delayed by more steps than SANA-FE's dendrite with delays can wait.",
  },
  input: {
    severity: "error",
    explain: "Input spikes for the exported network have another length than the program expects, or are not 0 or 1.",
  },
  inexact: {
    severity: "error",
    explain:
      "SANA-FE cannot follow the program exactly here, so its spikes may differ from those of the chip. Allow the approximations by name to export all the same.",
  },
  approximated: {
    severity: "warning",
    explain: "The exported network follows the program only approximately, as was allowed; the counts say where.",
  },
  "not-approximated": { severity: "error", explain: "An approximation was allowed that the export does not know." },
});
