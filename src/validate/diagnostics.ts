import { defineDiagnostics } from "../diagnostics/index.js";

export const validateDiagnostics = defineDiagnostics("validate", {
  "not-a-case": {
    severity: "error",
    explain:
      "The folder is not a recorded case: it needs config.json, layers.json, model.pth, input.npy and expect.npz. A case of integer neurons, whose config.json names a `tool`, has no layers.json and no checkpoint, but the arrays that config.json names.",
  },
  "bad-case": { severity: "error", explain: "A file of the recorded case contradicts another one." },
  "unsupported-case": {
    severity: "error",
    explain: "The recorded case is of an architecture that spikec cannot import yet.",
  },
});
