import { defineDiagnostics } from "../diagnostics/index.js";

export const hostDiagnostics = defineDiagnostics("host", {
  "bad-part": {
    severity: "error",
    explain:
      "A part of the network that the host computes is stored in the program as the text of a net and its constants. It cannot be read, is no legal net, or its inputs and outputs are not those that the program's wiring names: the file was damaged or not written by `spikec compile`.",
  },
  "wrong-size": {
    severity: "error",
    explain:
      "A value that goes from one part of a network to another has not the number of elements that the other part reads.",
  },
});
