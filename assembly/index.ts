export { attendKeys, attendQueries, scaleCounters } from "./attend";
export { fireInt, fireReal } from "./fire";
export { buildLists, scan } from "./lists";
export { convertWeights, multiply } from "./multiply";
export { magnitude } from "./rows32";
export { pack8 } from "./rows8";
export { sum32, sum8 } from "./sums";
export { addInt, addReal, addWrapping, convertToInt, convertToReal, poolMaxInt, poolMaxReal, poolOr } from "./vector";
