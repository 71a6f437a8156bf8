export { compileLayerwise, type LayerwiseOptions } from "./compile.js";
export { LayerwiseCosts, layerwiseCosts } from "./cost/model.js";
export { measuredActivity, uniformActivity, type Activity } from "./cost/activity.js";
export { checkHazards } from "./check-hazards.js";
export { layerwiseDiagnostics } from "./diagnostics.js";
export { supportMatrix, type Support } from "./support.js";
