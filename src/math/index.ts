export * from "./tensor.js";
export * from "./grid.js";
export * from "./exp.js";
export * from "./log.js";
export * from "./numbers.js";
