export * from "./diagnostic.js";
export { lineAndColumn, renderDiagnostic } from "./render.js";
export { didYouMean, editDistance } from "./suggest.js";
