import { defineDiagnostics } from "../../diagnostics/index.js";

export const loihiDiagnostics = defineDiagnostics("loihi", {
  "unsupported-op": {
    severity: "error",
    explain: "The step-by-step chip has no exact form for this op, or not for these operands.",
  },
  "unsupported-neuron": {
    severity: "error",
    explain:
      "The chip's neuron has one arithmetic: a current that is emptied or decays, a potential that decays by n / 4096, a strict comparison, a reset to 0. This neuron needs another one.",
  },
  "unsupported-value": {
    severity: "error",
    explain: "A value is read where the chip has no exact form for it: a constant, a delay, or an output.",
  },
  "chip-arithmetic": {
    severity: "error",
    explain:
      "Neurons of trained networks are legalised for chips whose neurons follow profile `loihi`; other profiles run nets that were imported for them.",
  },
  "inexact-sum": {
    severity: "error",
    explain:
      "The sum of a weighted op is rounded or saturated before it is used. On the chip sums are exact, so weights and biases must be multiples of the unit of the result.",
  },
  threshold: {
    severity: "error",
    explain:
      "A threshold register holds multiples of 2^6 up to a largest one, and compares strictly. The threshold is none of those for any scale of the potential that fits, or above the largest.",
  },
  bias: {
    severity: "error",
    explain: "A bias register holds a mantissa of a few bits times a power of two; this bias is no such number.",
  },
  weight: {
    severity: "error",
    explain: "A weight is a mantissa of a few bits times 2^(6 + exponent); these weights are no such numbers.",
  },
  "graded-values": {
    severity: "error",
    explain:
      "Integers that are no spikes (currents from the host, sums of a stream, results of attention) travel as the payload of messages, and the chip's messages have none, or too narrow ones.",
  },
  "attention-cores": {
    severity: "error",
    explain:
      "Attention over a chunk of timesteps needs counters, gates and a buffer of queries, which neuro-cores do not have. Attention cores do; this chip has none, or too small ones.",
  },
  "local-time": {
    severity: "error",
    explain:
      "Every connection takes at least one chip step. Around this cycle the delays of the network are shorter than its number of connections, or the operands of an attention cannot arrive together.",
  },
  register: {
    severity: "error",
    explain:
      "A threshold, bias, refractory period or limit of a neuron is no number that the registers of the chip's compartments hold.",
  },
  synapse: {
    severity: "error",
    explain:
      "No synapse format of the chip can store the synapses of a neuron: a weight needs more bits or another exponent, a delay more bits, or targets lie further apart than indices reach.",
  },
  "core-limit": {
    severity: "error",
    explain:
      "A single neuron (or a single head of an attention) needs more of some resource than a core has, so no partition helps.",
  },
  "too-large": {
    severity: "error",
    explain:
      "The network needs more cores than the chip has. Each layer says which resource filled its cores; more chips, another chip, fewer weight bits or a smaller network help.",
  },
  profile: {
    severity: "error",
    explain:
      "The run given as a profile is of another network, or of this one with other populations, so that it says nothing about how often these send.",
  },
  "not-approximated": {
    severity: "error",
    explain: "An approximation was allowed that legalisation does not know.",
  },
});
