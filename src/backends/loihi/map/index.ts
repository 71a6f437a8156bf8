export { ESTIMATED, type Activity } from "./activity.js";
export { compileLoihi, type MapOptions } from "./compile.js";
