/** lava-dl's network exchange format (NetX): chains of layers of integer CUBA neurons in HDF5 files. */
import { DiagnosticError, reporting, type Report } from "../../diagnostics/index.js";
import { verifyNet, type Net } from "../../ir/index.js";
import { readPrefix } from "../formats/files.js";
import { readHdf5 } from "../formats/hdf5.js";
import { buildNet } from "./build.js";
import type { NetxNetwork } from "./network.js";
import { readNetwork } from "./read.js";
import { netxSettings, type NetxSettings } from "./settings.js";

export { netxDiagnostics } from "./diagnostics.js";
export type { NetxConv, NetxDense, NetxFlatten, NetxInput, NetxLayer, NetxNetwork, NetxNeuron } from "./network.js";
export type { NetxSettings } from "./settings.js";

export interface ImportedNetx {
  readonly net: Net;
  readonly network: NetxNetwork;
  readonly settings: NetxSettings;
}

/** Reads a NetX file; undefined after a fault, which is in the report. */
export async function readNetx(path: string, report: Report): Promise<NetxNetwork | undefined> {
  try {
    const { bytes } = readPrefix(path);
    return await readHdf5(bytes, path, (reader) => readNetwork(reader, path));
  } catch (error) {
    if (error instanceof DiagnosticError) return report.add(error.diagnostic);
    throw error;
  }
}

/** The net of a network that was read: what `fire` and the other settings (`--set name=value`) make of it. */
export function netOfNetx(
  network: NetxNetwork,
  file: string,
  overrides: ReadonlyMap<string, string>,
  report: Report,
): ImportedNetx | undefined {
  return reporting(report, () => {
    const settings = netxSettings(overrides, network);
    const net = buildNet(network, file, settings, report);
    for (const diagnostic of verifyNet(net)) report.add(diagnostic);
    return report.failed ? undefined : { net, network, settings };
  });
}

/** Reads a NetX file and builds its net; undefined after a fault, which is in the report. */
export async function importNetx(
  path: string,
  overrides: ReadonlyMap<string, string>,
  report: Report,
): Promise<ImportedNetx | undefined> {
  const network = await readNetx(path, report);
  return network && netOfNetx(network, path, overrides, report);
}
