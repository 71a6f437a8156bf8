import { defineDiagnostics } from "../diagnostics/index.js";

export const irDiagnostics = defineDiagnostics("ir", {
  syntax: { severity: "error", explain: "The text is not a net; the frame shows the token that does not fit." },
  "unknown-op": { severity: "error", explain: "No op of this name exists; `spikec ops` lists them." },
  "unknown-attribute": {
    severity: "error",
    explain: "The op has no such attribute; `spikec ops NAME` documents all of them.",
  },
  attribute: { severity: "error", explain: "An attribute is missing, of the wrong type, or outside its legal values." },
  "unknown-value": { severity: "error", explain: "A value is used that no op and no input defines." },
  "used-before-definition": {
    severity: "error",
    explain: "A value is used before the op that defines it. Only `delay` may refer to a value defined later.",
  },
  "duplicate-value": { severity: "error", explain: "Two ops or inputs define a value of the same name." },
  "unknown-constant": { severity: "error", explain: "A constant is used that the net does not declare." },
  "constant-kind": {
    severity: "error",
    explain: "A constant is weights where real numbers are needed, or the other way round.",
  },
  constant: {
    severity: "error",
    explain: "A constant breaks a rule: its values do not fit its shape, are not finite, or exceed 24 bits and a sign.",
  },
  "constants-file": {
    severity: "error",
    explain: "The file of constants beside a net lacks a tensor, or one has another type or shape than it must.",
  },
  "operand-count": { severity: "error", explain: "An op has too few or too many operands or constants." },
  "operand-kind": {
    severity: "error",
    explain: "An operand is real where spikes or integers are needed, or the other way round.",
  },
  "type-mismatch": { severity: "error", explain: "The declared type is not the one that follows from the operands." },
  "shape-mismatch": { severity: "error", explain: "Shapes of operands and weights do not fit each other." },
  chunk: {
    severity: "error",
    explain: "A chunk of timesteps must divide the number of timesteps; the hint lists chunks that do.",
  },
  overflow: {
    severity: "error",
    explain: "A proved bound of a sum, or a state without limits of its own, exceeds what can be computed exactly.",
  },
  range: { severity: "error", explain: "An integer lies outside the range that its type declares." },
  capacity: {
    severity: "error",
    explain: "An input has more important tokens than the capacity that the net gives them.",
  },
  timesteps: { severity: "error", explain: "Two values disagree on the number of timesteps of the net." },
  cycle: {
    severity: "error",
    explain: "A cycle must go through `delay`, and may hold neither a sequence op nor a chunk longer than 1.",
  },
  "not-resumable": {
    severity: "error",
    explain: "The net holds a sequence op, so it cannot be run in pieces with state handed over.",
  },
  "input-shape": { severity: "error", explain: "An input array does not have the size that the net's input needs." },
  "duplicate-layer": { severity: "error", explain: "Two neuron ops carry the same layer name." },
  layer: {
    severity: "error",
    explain: "The removed channels of a layer are written as ascending numbers and ranges: `removed = [0..3, 7]`.",
  },
  "time-block": { severity: "error", explain: "A time block must be a multiple of every chunk inside it." },
});
