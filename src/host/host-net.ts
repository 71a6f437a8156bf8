import type { HostNet } from "../backends/program/loihi/program.js";
import { DiagnosticError, renderDiagnostic, Report, type Diagnostic } from "../diagnostics/index.js";
import { readSafetensors, writeSafetensors } from "../frontend/formats/index.js";
import {
  constantsFromTensors,
  constantsToTensors,
  externalConstants,
  parseNet,
  printNet,
  verifyNet,
  type Net,
} from "../ir/index.js";
import { hostDiagnostics } from "./diagnostics.js";

/** A net as the text and the constants that a program file carries. Throws a DiagnosticError where constants' names collide. */
export function writeHostNet(net: Net): HostNet {
  const { tensors, diagnostics } = constantsToTensors(externalConstants(net));
  const [first] = diagnostics;
  if (first !== undefined) throw new DiagnosticError(first);
  return { text: printNet(net), constants: writeSafetensors(tensors) };
}

function badPart(part: string, why: string): DiagnosticError {
  return new DiagnosticError(
    hostDiagnostics.make("bad-part", `the host's ${part} ${why}`, { hint: "compile the model again" }),
  );
}

function mustBeFine(part: string, diagnostics: readonly Diagnostic[]): void {
  const [first] = diagnostics;
  if (first !== undefined) throw badPart(part, `cannot be read\n${renderDiagnostic(first)}`);
}

/** The net that a program carries for the host; `part` names it in diagnostics. Throws `host/bad-part`. */
export function readHostNet({ text, constants }: HostNet, part: "prefix" | "suffix"): Net {
  const report = new Report();
  const tensors = readSafetensors(constants, `constants of the ${part}`, report);
  mustBeFine(part, report.errors);
  const read = constantsFromTensors(tensors?.tensors ?? new Map(), `constants of the ${part}`);
  mustBeFine(part, read.diagnostics);
  const { net, diagnostics } = parseNet(text, part, read.constants);
  mustBeFine(part, diagnostics);
  if (net === undefined) throw badPart(part, "is no net");
  mustBeFine(part, verifyNet(net));
  return net;
}
