import type { LoihiChip } from "../../../chips/loihi.js";
import type { Report } from "../../../diagnostics/index.js";
import { channelsOf, valueTypes, viewOf } from "../../../ir/index.js";
import { loihiDiagnostics } from "../diagnostics.js";
import type { LegalNet, LegalPopulation } from "../legal-net.js";
import { isBias } from "../numerics.js";

/** What the compartments of a population are configured with. */
export interface NeuronConfiguration {
  readonly kind: "neuron" | "relay";
  readonly decayU: number;
  readonly decayV: number;
  readonly refractory: number;
  readonly vMin: number;
  readonly vMax: number;
  readonly currentShift: number;
  /** By channel: neuron j is of channel j mod channels. */
  readonly threshold: Int32Array;
  readonly bias: Int32Array;
}

/** What a register of a Loihi counts, in units of a potential. */
const THRESHOLD_UNIT = 64;

/** Relays have none of it; registers that are not read are 0. */
function relay(channels: number): NeuronConfiguration {
  const zero = new Int32Array(channels);
  const rest = { decayU: 0, decayV: 0, refractory: 1, vMin: 0, vMax: 0, currentShift: 0 };
  return { kind: "relay", ...rest, threshold: zero, bias: zero };
}

/** The configuration of every population of neurons or relays, by its value. What registers do not hold is reported. */
export function neuronConfigurations(
  { net, populations }: LegalNet,
  chip: LoihiChip,
  report: Report,
): ReadonlyMap<string, NeuronConfiguration> {
  const types = valueTypes(net);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  return new Map(
    populations.flatMap((population): (readonly [string, NeuronConfiguration])[] => {
      if (population.kind === "attention") return [];
      const op = producers.get(population.value)!;
      const channels = channelsOf(op.type);
      if (population.kind === "relay") return [[population.value, relay(channels)]];
      const view = viewOf(net, op, types);
      const found: NeuronConfiguration = {
        kind: "neuron",
        decayU: view.number("decay_u"),
        decayV: view.number("decay_v"),
        refractory: view.number("refractory"),
        vMin: view.number("v_min"),
        vMax: view.number("v_max"),
        currentShift: view.number("current_shift"),
        threshold: Int32Array.from(view.perChannel("v_th", channels), (mantissa) => mantissa * THRESHOLD_UNIT),
        bias: Int32Array.from(view.perChannel("bias", channels)),
      };
      checkRegisters(population, found, chip, report);
      return [[population.value, found]];
    }),
  );
}

function checkRegisters(
  { layer }: LegalPopulation,
  { threshold, bias, refractory, vMax }: NeuronConfiguration,
  { numerics }: LoihiChip,
  report: Report,
): void {
  const { thresholdMantissaBits, thresholdShift, biasMantissaBits, biasExponent, maxRefractory, stateBits } = numerics;
  const refuse = (message: string, hint: string): void => {
    report.add(loihiDiagnostics.make("register", `\`${layer}\`: ${message}`, { hint }));
  };
  const unit = 2 ** thresholdShift;
  const most = (2 ** thresholdMantissaBits - 1) * unit;
  const high = threshold.find((value) => value > most || value % unit !== 0);
  if (high !== undefined) {
    refuse(`the threshold ${high} is no multiple of ${unit} up to ${most}`, "use smaller weights and thresholds");
  }
  const wide = bias.find((value) => !isBias(value, numerics));
  if (wide !== undefined) {
    const register = `${biasMantissaBits} bits times 2^${biasExponent[0]}..2^${biasExponent[1]}`;
    refuse(`the bias ${wide} is no mantissa of ${register}`, "round it, or legalise with approximate biases");
  }
  if (refractory > maxRefractory) refuse(`refractory = ${refractory}, at most ${maxRefractory}`, "use a shorter one");
  if (vMax >= 2 ** (stateBits - 1)) refuse(`v_max = ${vMax} needs more than ${stateBits} bits`, "use a lower v_max");
}
