import { defineDiagnostics, DiagnosticError, type DiagnosticDetails } from "../../diagnostics/index.js";

export const netxDiagnostics = defineDiagnostics("netx", {
  "not-netx": {
    severity: "error",
    explain: "The HDF5 file has no group `/layer` with layers 0, 1, …: it is no network that lava-dl exported.",
  },
  field: {
    severity: "error",
    explain: "A field of a layer or neuron is missing, is no integer, or lies outside what its register holds.",
  },
  shape: {
    severity: "error",
    explain: "Weights, biases, delays or shapes of a layer do not fit each other or the layer before.",
  },
  "unsupported-layer": {
    severity: "error",
    explain:
      "A layer is of a type, or is configured in a way, that cannot be imported exactly. Imported are input, dense, conv and flatten.",
  },
  "unsupported-neuron": {
    severity: "error",
    explain: "A layer's neuron is no CUBA neuron with spikes of one bit, or has a refractory period.",
  },
  setting: {
    severity: "error",
    explain:
      "A setting of a NetX network is missing, unknown or illegal: --set timesteps=N, --set input=HxWxC or --set fire=gt|ge.",
  },
  "weight-format": {
    severity: "warning",
    explain:
      "Weights do not fit the eight bits and sign of a Loihi synapse; lava would clip or round them. spikec keeps them as they are.",
  },
});

/** An error to throw inside the reader; `importNetx` turns it into an entry of its report. */
export function netxError(
  code: Parameters<typeof netxDiagnostics.make>[0],
  message: string,
  details: DiagnosticDetails = {},
): DiagnosticError {
  return new DiagnosticError(netxDiagnostics.make(code, message, details));
}
