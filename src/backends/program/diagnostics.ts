import { defineDiagnostics } from "../../diagnostics/index.js";

export const programDiagnostics = defineDiagnostics("program", {
  "not-a-program": { severity: "error", explain: "The file does not start with the identifier of a spikec program." },
  "cannot-read": { severity: "error", explain: "The program file cannot be opened or read." },
  version: {
    severity: "error",
    explain: "The program file was written by a version of spikec with another file format. Compile the model again.",
  },
  truncated: { severity: "error", explain: "The file ends before the sections that its header lists." },
  checksum: {
    severity: "error",
    explain: "The bytes of a section do not give the checksum in the header: the file is damaged.",
  },
  corrupt: { severity: "error", explain: "A section breaks the rules of its format, though its checksum is right." },
  chip: { severity: "error", explain: "The chip description inside the program is not valid." },
  "wrong-target": {
    severity: "error",
    explain: "Programs are for one kind of chip, `layerwise` or `loihi`; what was asked for needs the other kind.",
  },
  mapping: {
    severity: "error",
    explain:
      "A table of a program for a step-by-step chip leads nowhere, or holds a neuron, a place or a message twice.",
  },
  limits: {
    severity: "error",
    explain: "The program declares more layers, timesteps, tokens or bytes than spikec is willing to simulate.",
  },
  port: {
    severity: "error",
    explain: "An input or output lies outside DRAM, over the weights, or has an impossible shape.",
  },
  instruction: { severity: "error", explain: "An instruction has an unknown opcode, or a field outside its range." },
  token: {
    severity: "error",
    explain: "An instruction waits for or signals a token that the program does not declare.",
  },
  region: {
    severity: "error",
    explain: "The table of what lies where names a layer, a place or an instruction that the program does not have.",
  },
  address: { severity: "error", explain: "An instruction would reach outside the memory or DRAM of the chip." },
});

export type ProgramCode = Parameters<typeof programDiagnostics.make>[0];
