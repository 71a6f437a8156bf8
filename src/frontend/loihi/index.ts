/** Networks of Loihi's integer neurons, in the arithmetic of the chip or of a public emulator. */
export { buildNeuronNet } from "./build.js";
export { readNeuronNetwork, type NeuronLayer, type NeuronNetwork } from "./network.js";
export { loadWeights, SIGN_MODES, type LoadedWeights, type SignMode, type WeightFormat } from "./weights.js";
