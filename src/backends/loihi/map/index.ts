export { ESTIMATED, type Activity } from "./activity.js";
export { compileLoihi, MAP_OBJECTIVES, type MapObjective, type MapOptions } from "./compile.js";
