import { defineDiagnostics } from "../diagnostics/index.js";

export const chipDiagnostics = defineDiagnostics("chips", {
  "cannot-read": {
    severity: "error",
    explain: "The name is no built-in chip, and no file of that path can be read.",
  },
  "not-json": { severity: "error", explain: "A chip description is a JSON file; this one does not parse." },
  vary: {
    severity: "error",
    explain:
      "A range of values names no number of a chip description, or holds a value that the field cannot have. Fields are paths such as `lanes` or `memories.weight.bytes`.",
  },
  "wrong-target": {
    severity: "error",
    explain:
      "Chips are of one kind: layer-by-layer (`layerwise`) or step-by-step (`loihi`). What was asked for needs the other kind.",
  },
  "bad-field": {
    severity: "error",
    explain:
      "A field of a chip description is missing, unknown, of the wrong type or out of range. The place is the path of the field in the file.",
  },
});
