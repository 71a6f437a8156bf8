import { defineDiagnostics } from "../diagnostics/index.js";

export const simDiagnostics = defineDiagnostics("sim", {
  deadlock: {
    severity: "error",
    explain:
      "No engine of the chip can ever go on: each waits for a token that no other will signal. The program is wrong; the message names what every engine waits for.",
  },
  "cycle-limit": { severity: "error", explain: "The run did not end within the given number of cycles." },
  capacity: {
    severity: "error",
    explain: "An input has more important tokens than the capacity that the program was compiled for.",
  },
  memory: {
    severity: "error",
    explain:
      "The simulation needs more memory than it can address (4 GiB) or than the host gives. Nothing was simulated.",
  },
  probe: {
    severity: "error",
    explain: "A probe names a layer that the program does not have, one without neurons, or a neuron outside of it.",
  },
  input: {
    severity: "error",
    explain: "An input of the program is missing, or has another length or number format than the program expects.",
  },
});
