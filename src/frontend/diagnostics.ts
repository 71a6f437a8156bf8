import { defineDiagnostics, DiagnosticError, type DiagnosticDetails } from "../diagnostics/index.js";

/** Every code that reading a file may give: checkpoints, arrays and pictures. */
export const FRONTEND_DIAGNOSTICS = defineDiagnostics("frontend", {
  "cannot-read": {
    severity: "error",
    explain: "The path is missing, is not the kind of file expected, may not be read, or is empty.",
  },
  "corrupt-file": {
    severity: "error",
    explain: "The bytes break the rules of their format: the file is cut short, damaged, or written by a faulty tool.",
  },
  "too-large": {
    severity: "error",
    explain: "The file declares more data than spikec is willing to unpack, as a damaged or hostile file would.",
  },
  "not-a-checkpoint": {
    severity: "error",
    explain: "The file is of a kind spikec knows, or of none, but it is neither a PyTorch checkpoint nor safetensors.",
  },
  "pickle-refused": {
    severity: "error",
    explain:
      "A pickle names a class or function outside the list of harmless ones. spikec never runs code from a checkpoint, so such a file is refused whole.",
  },
  "no-tensors": {
    severity: "error",
    explain:
      "The checkpoint has no dictionary of tensors: neither `state_dict`, `model`, `state_dict_ema` nor a bare one.",
  },
  "unsupported-dtype": {
    severity: "error",
    explain: "An array holds elements of a type spikec has no use for, such as complex or quantised numbers.",
  },
  "unsafe-integer": {
    severity: "warning",
    explain: "64-bit integers beyond 2^53 are read as the nearest double.",
  },
  "input-format": {
    severity: "error",
    explain:
      "The inputs are of no known kind: known are .npy, .npz, PNG, JPEG, folders of pictures, MNIST IDX and CIFAR binary.",
  },
  "input-shape": {
    severity: "error",
    explain: "The inputs have a shape that is neither [B,C,H,W] nor [B,T,C,H,W], or pictures of differing sizes.",
  },
  "input-not-finite": {
    severity: "error",
    explain: "An input holds NaN or an infinity, or a number that is infinite in float32.",
  },
  "input-labels": {
    severity: "error",
    explain: "The labels do not fit the inputs: another number of them, or a value outside 0 to 255.",
  },
  "input-options": {
    severity: "error",
    explain:
      "An option for reading inputs does not fit the data, for example a mean of three channels for grey pictures.",
  },
  "neuron-network": {
    severity: "error",
    explain:
      "The description of a network of integer neurons contradicts itself, its arrays, or what its tool can do: config.json lists layers with their parameters and files.",
  },
  "input-dropped": {
    severity: "warning",
    explain:
      "Part of the inputs was left out: an alpha channel, the low bits of 16-bit pictures, or files that are no pictures.",
  },
});

export type FrontendCode = Parameters<typeof FRONTEND_DIAGNOSTICS.make>[0];

/** An error to throw inside a reader; the public function around it turns it into an entry of its report. */
export function frontendError(code: FrontendCode, message: string, details: DiagnosticDetails = {}): DiagnosticError {
  return new DiagnosticError(FRONTEND_DIAGNOSTICS.make(code, message, details));
}
