export { buildLists, scan } from "./lists";
export { magnitude } from "./rows32";
export { pack8 } from "./rows8";
export { sum32, sum8 } from "./sums";
