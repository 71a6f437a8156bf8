export { hostDiagnostics } from "./diagnostics.js";
export { Host, type Crossing, type HostOp, type NetworkInput } from "./host.js";
export { readHostNet, writeHostNet } from "./host-net.js";
