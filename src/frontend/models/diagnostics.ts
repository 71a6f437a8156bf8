import { defineDiagnostics } from "../../diagnostics/index.js";

export const modelDiagnostics = defineDiagnostics("model", {
  "unknown-arch": { severity: "error", explain: "No architecture of this name is known; `spikec models` lists them." },
  "unknown-setting": {
    severity: "error",
    explain: "The architecture has no such setting; `spikec models NAME` lists them.",
  },
  setting: {
    severity: "error",
    explain: "A setting has a value that the architecture cannot have; the message gives the legal ones.",
  },
  "missing-setting": {
    severity: "error",
    explain:
      "A setting can be read neither from tensor shapes, nor from the checkpoint's arguments, nor from a config file. Give it with --set.",
  },
  "missing-tensor": {
    severity: "error",
    explain: "The architecture needs a tensor that the checkpoint does not hold.",
  },
  "tensor-shape": {
    severity: "error",
    explain: "A tensor does not have the shape that the architecture and its settings give it.",
  },
  "tensor-dtype": { severity: "error", explain: "Parameters must be floating-point tensors." },
  "not-finite": {
    severity: "error",
    explain: "A parameter holds NaN or an infinity; no exact sum could be formed with it.",
  },
  config: { severity: "error", explain: "The config file beside the checkpoint is not a readable JSON object." },
  "extra-tensor": {
    severity: "warning",
    explain: "The checkpoint holds a tensor that the architecture does not know. It was left out.",
  },
});
