import { defineDiagnostics } from "../diagnostics/index.js";

export const cliDiagnostics = defineDiagnostics("cli", {
  "cannot-read": { severity: "error", explain: "A file named on the command line cannot be read." },
  "arch-needed": {
    severity: "error",
    explain: "A checkpoint does not say which network it belongs to; name it with --arch.",
  },
  "unknown-name": { severity: "error", explain: "Nothing of this name exists; the message says what was looked for." },
  "run-file": { severity: "error", explain: "The file is not a run written by `spikec simulate`." },
  labels: { severity: "error", explain: "The labels do not fit the samples." },
  range: { severity: "error", explain: "An option has a value outside what the inputs allow." },
  "keep-energy": {
    severity: "error",
    explain:
      "No number of tokens saves as much energy as --keep-energy asks for, or the net has no tokens to leave out; the message says what one token costs.",
  },
  "demo-file": {
    severity: "error",
    explain: "A file of the embedded example is missing or damaged; reinstall spikec.",
  },
});
