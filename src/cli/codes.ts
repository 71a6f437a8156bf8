import type { DiagnosticDefinition, DiagnosticTable } from "../diagnostics/index.js";
import { programDiagnostics } from "../backends/program/diagnostics.js";
import { layerwiseDiagnostics } from "../backends/layerwise/diagnostics.js";
import { loihiDiagnostics } from "../backends/loihi/diagnostics.js";
import { chipDiagnostics } from "../chips/diagnostics.js";
import { energyDiagnostics } from "../energy/diagnostics.js";
import { FRONTEND_DIAGNOSTICS } from "../frontend/diagnostics.js";
import { modelDiagnostics } from "../frontend/models/index.js";
import { netxDiagnostics } from "../frontend/netx/index.js";
import { rancDiagnostics } from "../frontend/ranc/index.js";
import { randomDiagnostics } from "../frontend/random/diagnostics.js";
import { hostDiagnostics } from "../host/index.js";
import { irDiagnostics } from "../ir/index.js";
import { passDiagnostics } from "../passes/index.js";
import { sanaFeDiagnostics } from "../report/sana-fe/index.js";
import { simDiagnostics } from "../sim/diagnostics.js";
import { validateDiagnostics } from "../validate/diagnostics.js";
import { cliDiagnostics } from "./diagnostics.js";
import { OUTPUT_DIAGNOSTICS } from "./output.js";

const TABLES: readonly { readonly folder: string; readonly table: DiagnosticTable }[] = [
  FRONTEND_DIAGNOSTICS,
  modelDiagnostics,
  netxDiagnostics,
  rancDiagnostics,
  randomDiagnostics,
  irDiagnostics,
  passDiagnostics,
  chipDiagnostics,
  layerwiseDiagnostics,
  loihiDiagnostics,
  programDiagnostics,
  hostDiagnostics,
  simDiagnostics,
  energyDiagnostics,
  sanaFeDiagnostics,
  validateDiagnostics,
  cliDiagnostics,
  OUTPUT_DIAGNOSTICS,
];

/** Every diagnostic code with its definition, for `spikec explain`. */
export function allCodes(): ReadonlyMap<string, DiagnosticDefinition> {
  return new Map(
    TABLES.flatMap(({ folder, table }) =>
      Object.entries(table).map(([name, definition]) => [`${folder}/${name}`, definition] as const),
    ),
  );
}
