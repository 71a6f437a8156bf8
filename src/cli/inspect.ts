import type { Command } from "commander";
import { importModel, type ImportedModel } from "../frontend/import-model.js";
import { netTimesteps, printType, valueTypes, type Net } from "../ir/index.js";
import type { Report } from "../diagnostics/index.js";
import { elements } from "../math/tensor.js";
import { runCommand, withModelOptions, type Io, type ModelOptions } from "./command.js";
import { inspectNetx } from "./inspect-netx.js";
import { loadNet, reportNoArch } from "./load-net.js";
import { inspectProgram } from "./inspect-program.js";
import { refuseWithoutEffect } from "./no-effect.js";
import { Progress } from "./progress.js";
import { checkSource, makeRandomNet, ratesText } from "./random-net.js";
import { count, table } from "./text.js";

interface Layer {
  readonly name: string;
  readonly op: string;
  readonly type: string;
}

/** Neurons and weighted ops of a net, in order, by the names they have in the source model. */
function layersOf(net: Net): readonly Layer[] {
  return net.ops
    .filter(
      (op) => op.layer !== undefined || op.symbols.some((symbol) => net.constants.get(symbol)?.kind === "weights"),
    )
    .map((op) => ({
      name: op.layer?.name ?? op.origin ?? op.symbols[0] ?? `%${op.result}`,
      op: op.name,
      type: printType(op.type),
    }));
}

function summary(model: ImportedModel) {
  const tensors = [...model.checkpoint.tensors].filter(([name]) => !name.endsWith(".num_batches_tracked"));
  const trained = tensors.filter(([name]) => !/running_(mean|var)$/.test(name));
  const size = (list: typeof tensors): number => list.reduce((sum, [, tensor]) => sum + elements(tensor.shape), 0);
  const neurons = model.net.ops.filter((op) => op.layer !== undefined);
  return {
    arch: model.model.name,
    container: model.checkpoint.container,
    settings: Object.fromEntries(
      [...model.settings.entries].map(([name, s]) => [name, { value: s.value, origin: s.origin }]),
    ),
    parameters: size(trained),
    buffers: size(tensors) - size(trained),
    neurons: neurons.reduce((sum, op) => sum + elements(op.type.shape), 0),
    inputs: model.net.inputs.map((input) => ({ name: input.name, type: printType(input.type) })),
    outputs: model.net.outputs.map((output) => ({
      name: output.name,
      type: printType(valueTypes(model.net).get(output.value)!),
    })),
    layers: layersOf(model.net),
    ignored: { entries: model.checkpoint.ignored, tensors: model.unused },
  };
}

function modelText(path: string, model: ImportedModel): string {
  const s = summary(model);
  const lines = [
    `${path}: ${s.arch} (container: ${s.container})`,
    `${count(s.parameters)} parameters, ${count(s.buffers)} batch-norm statistics, ${count(s.neurons)} spiking neurons`,
    "",
    table([
      ["setting", "value", "from"],
      ...Object.entries(s.settings).map(([name, v]) => [name, String(v.value), v.origin]),
    ]),
    "",
    ...s.inputs.map((input) => `input  ${input.name}: ${input.type}`),
    ...s.outputs.map((output) => `output ${output.name}: ${output.type}`),
    "",
    table([["layer", "op", "result"], ...s.layers.map((layer) => [layer.name, layer.op, layer.type])]),
  ];
  if (s.ignored.entries.length > 0) lines.push("", `entries left aside: ${s.ignored.entries.join(", ")}`);
  if (s.ignored.tensors.length > 0)
    lines.push("", `tensors that the network holds but never uses: ${s.ignored.tensors.join(", ")}`);
  return lines.join("\n");
}

function netText(path: string, net: Net): string {
  return [
    `${path}: net @${net.name}, ${net.ops.length} ops, ${net.constants.size} constants, ${netTimesteps(net)} timesteps`,
    "",
    table([["layer", "op", "result"], ...layersOf(net).map((layer) => [layer.name, layer.op, layer.type])]),
  ].join("\n");
}

interface InspectOptions extends ModelOptions {
  readonly json?: boolean;
  readonly memory?: boolean;
}

function inspectRandom(options: InspectOptions, report: Report, io: Io): void {
  const made = makeRandomNet(options, report, new Progress(io));
  if (made === undefined) return;
  const { model, calibration } = made;
  if (options.json === true) {
    const rates = calibration === undefined ? {} : { rates: calibration.layers };
    return io.out(JSON.stringify({ ...summary(model), ...rates }, null, 2));
  }
  io.out(modelText(`seed ${options.randomInit}`, model));
  if (calibration !== undefined) io.out(`\n${ratesText(calibration)}`);
}

export function registerInspect(program: Command, io: Io): void {
  const command = program
    .command("inspect")
    .description("say what is in a checkpoint, NetX network, IR text or program file")
    .argument("[file]", "checkpoint, network.net, net.snn or program.spk; none with --random-init")
    .option("--json", "print JSON")
    .option(
      "--memory",
      "of a program: bytes of weights, potentials, spikes, streams and buffers, per memory and layer",
    );
  refuseWithoutEffect(command, ["--memory"], ({ args: [file = ""] }) =>
    file.endsWith(".spk")
      ? undefined
      : { why: "for what is no program (.spk)", hint: "compile it first: spikec compile … -o program.spk" },
  );
  withModelOptions(command).action((file: string | undefined, options: InspectOptions) =>
    runCommand(io, async (report) => {
      if (!checkSource(file, options, report)) return;
      if (file === undefined) return inspectRandom(options, report, io);
      if (file.endsWith(".spk")) {
        return inspectProgram(file, { json: options.json === true, memory: options.memory === true }, report, io);
      }
      if (file.endsWith(".snn")) {
        const net = await loadNet(file, options, report, io);
        if (net === undefined) return;
        return io.out(
          options.json === true
            ? JSON.stringify({ name: net.name, layers: layersOf(net) }, null, 2)
            : netText(file, net),
        );
      }
      if (file.endsWith(".net")) return inspectNetx(file, options.json === true, options.set, report, io);
      if (options.arch === undefined) return reportNoArch(file, report);
      const model = importModel(file, { arch: options.arch, overrides: options.set }, report);
      if (model === undefined) return;
      io.out(options.json === true ? JSON.stringify(summary(model), null, 2) : modelText(file, model));
    }),
  );
}
