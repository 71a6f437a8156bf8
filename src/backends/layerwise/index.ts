export { compileLayerwise, type LayerwiseOptions } from "./compile.js";
export { checkHazards } from "./check-hazards.js";
export { layerwiseDiagnostics } from "./diagnostics.js";
export { supportMatrix, type Support } from "./support.js";
