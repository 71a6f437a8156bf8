import { defineDiagnostics, DiagnosticError, type DiagnosticDetails } from "../../diagnostics/index.js";

export const rancDiagnostics = defineDiagnostics("ranc", {
  "missing-file": {
    severity: "error",
    explain:
      "A folder of RANC's memory files has csram_000.mem, csram_001.mem, … and as many tc_*.mem; to be validated also tb_input.txt, tb_num_inputs.txt, tb_correct.txt and tb_num_outputs.txt.",
  },
  row: {
    severity: "error",
    explain:
      "A line of a RANC file is no binary number of the length that the other files call for, or a field of it holds what the hardware does not have. Numbers have 9 bits, RANC's default.",
  },
  count: {
    severity: "error",
    explain: "A RANC file has more or fewer lines than the other files call for, or a count in it is no number.",
  },
  width: {
    severity: "error",
    explain:
      "RANC's files do not say how many cores a row of the grid has. It is found from where the packets go: all must stay in the grid, and those that reach a core without working neurons must reach the same one, the output bus. No width does, or several do.",
  },
  "output-bus": {
    severity: "error",
    explain: "With the given width the packets of a RANC grid leave it, or there is not exactly one output bus.",
  },
  unsupported: {
    severity: "error",
    explain:
      "A grid holds what programs cannot: a potential that does not begin at 0, or an axon that packets of several delays reach.",
  },
  chip: {
    severity: "error",
    explain: "The grid needs more than the chip has, or the chip's neurons do not follow profile `truenorth`.",
  },
});

/** An error to throw inside the importer, which turns it into an entry of its report. */
export function rancError(
  code: Parameters<typeof rancDiagnostics.make>[0],
  message: string,
  details: DiagnosticDetails = {},
): DiagnosticError {
  return new DiagnosticError(rancDiagnostics.make(code, message, details));
}
