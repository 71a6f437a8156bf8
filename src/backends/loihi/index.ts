export { loihiDiagnostics } from "./diagnostics.js";
export type { LegalInput, LegalNet, LegalOutput, LegalPopulation, LegalSource } from "./legal-net.js";
export { legalize, loihiPipeline, STREAMS, type LegalizeOptions } from "./legalize.js";
export { Graph, synapticDelay, type Connection } from "./local-time.js";
export type { Approximation } from "./lower-neuron.js";
export { agreementTable, runLegal } from "./run-legal.js";
export { supportMatrix } from "./support.js";
export { checkMapping } from "./check-mapping.js";
export { compileLoihi, type MapOptions } from "./map/index.js";
