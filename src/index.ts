/** The library behind the command line: every arrow of the flow is one function here. */

export { BACKENDS } from "./backends/index.js";
export { compileLayerwise } from "./backends/layerwise/index.js";
export { decodeProgram, encodeProgram, readProgram, type Program } from "./backends/program/index.js";
export { readChip, type LayerwiseChip } from "./chips/index.js";
export { renderDiagnostic, Report, type Diagnostic } from "./diagnostics/index.js";
export {
  builtInTable,
  builtInTables,
  estimateEnergy,
  ownTable,
  pricesOf,
  readEnergyTable,
  type EnergyEstimate,
  type EnergyTable,
} from "./energy/index.js";
export {
  ActivityMeter,
  applyConvention,
  compareWithAnn,
  CONVENTIONS,
  countEvents,
  layersOf,
  type Convention,
} from "./energy/network.js";
export {
  readCheckpointFile,
  readNpy,
  readNpz,
  readSafetensors,
  writeNpy,
  writeSafetensors,
} from "./frontend/formats/index.js";
export { importModel, type ImportedModel } from "./frontend/import-model.js";
export { sampleFor } from "./frontend/inputs/channels-last.js";
export { readInputs, type InputSet } from "./frontend/inputs/index.js";
export { buildNeuronNet, readNeuronNetwork, type NeuronNetwork } from "./frontend/loihi/index.js";
export { MODELS } from "./frontend/models/index.js";
export { importNetx, readNetx, type ImportedNetx, type NetxNetwork } from "./frontend/netx/index.js";
export { importRanc, type ImportedRanc } from "./frontend/ranc/index.js";
export { calibrateModel, randomModel, type CalibratedModel } from "./frontend/random/random-model.js";
export { readRates, type RateTable } from "./frontend/random/rates.js";
export {
  evaluate,
  flatten,
  NetBuilder,
  OPS,
  parseNet,
  printNet,
  retime,
  verifyNet,
  type Evaluation,
  type Net,
  type NetState,
} from "./ir/index.js";
export { searchTimeBlocks, type BlockTimeResult, type CostedSchedule } from "./passes/block-time.js";
export type { CostModel, Schedule, ScheduleCost, ScheduleGroup } from "./passes/cost-model.js";
export { parsePipeline, PASSES, PIPELINES, runPipeline } from "./passes/index.js";
export { bottleneck, type Bottleneck } from "./report/bottleneck.js";
export { exportSanaFe, type SanaFeFiles, type SanaFeOptions } from "./report/sana-fe/index.js";
export { perfettoTrace, Timeline } from "./report/perfetto.js";
export { createEvent, createStepped, type Machine, type RunOptions, type RunResult } from "./sim/layerwise/index.js";
export { parseProbe, Probes, stateAt, type ProbeRecord } from "./sim/probes.js";
export { RunTotals, runFileSchema, type RunFile } from "./sim/run-file.js";
export { loadTfjsKernels } from "./tfjs/index.js";
export { runLadder } from "./validate/ladder.js";
export { readNeuronCase, type NeuronCase } from "./validate/neuron-case.js";
export { runNeuronLadder } from "./validate/neuron-ladder.js";
export type { Rung } from "./validate/rung.js";
export { readRecordedCase, type RecordedCase } from "./validate/recorded-case.js";
export { diffSpikes, recordingOfCase, recordingOfRun, type SpikeDifference } from "./validate/spike-diff.js";
