export * from "./tensor.js";
export * from "./grid.js";
