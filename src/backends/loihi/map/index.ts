export { compileLoihi, type MapOptions } from "./compile.js";
