import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { internalError, type Report } from "../../../diagnostics/index.js";
import { channelsOf, positionsOf, printType, viewOf, type Op, type OpView, type ValueType } from "../../../ir/index.js";
import type { ProgramLayer } from "../../program/program.js";
import { layerwiseDiagnostics } from "../diagnostics.js";
import { blocksOf, type FeatureMap, type Stage } from "../stage.js";
import type { Timing } from "../timing.js";
import type { ConstantMap } from "../constants.js";
import { nameOf, type NetFacts } from "../values.js";
import type { Region } from "../weights.js";

/** A slice of channels: the map that holds it, and its first channel block there. */
export interface SliceView {
  readonly map: FeatureMap;
  readonly block: number;
}

/** What the groups of a schedule share: the layers and weight regions of the program. */
export class ProgramParts {
  readonly layers: ProgramLayer[] = [];
  readonly regions: Region[] = [];
}

/** What lowering an op may use: facts of the net, and the stages, maps, layers and weight regions made so far. */
export class LowerContext {
  private readonly made: Omit<Stage, "index">[] = [];
  readonly constants: ConstantMap[] = [];
  private readonly maps = new Map<string, FeatureMap>();
  private readonly layerOf = new Map<Op, number>();
  private readonly slices = new Map<string, SliceView>();

  constructor(
    readonly facts: NetFacts,
    readonly chip: LayerwiseChip,
    readonly report: Report,
    private readonly parts: ProgramParts = new ProgramParts(),
    /** How values that come from other groups lie there. */
    private readonly entering: (value: string) => FeatureMap | undefined = () => undefined,
  ) {}

  get layers(): readonly ProgramLayer[] {
    return this.parts.layers;
  }

  get timing(): Timing {
    return this.facts.timing;
  }

  view(op: Op): OpView {
    return viewOf(this.facts.net, op, this.facts.types);
  }

  typeOf(value: string): ValueType {
    const type = this.facts.types.get(value);
    if (type === undefined) throw internalError(`no value %${value}`);
    return type;
  }

  /** The map of a value; undefined where its producer could not be lowered, which is already reported. */
  mapOf(value: string | undefined): FeatureMap | undefined {
    return this.maps.get(value ?? "");
  }

  /** The map that holds an operand, or a report that says what the op needs instead. */
  operand(op: Op, index: number, memory: "spike" | "data", format?: "real" | "int"): FeatureMap | undefined {
    const map = this.mapOf(op.operands[index]);
    if (map === undefined) return undefined;
    if (map.memory === memory && (format === undefined || map.format === format)) return map;
    const needed = memory === "spike" ? "a spike map" : format === undefined ? "a data map" : `a ${format} data map`;
    const has = map.memory === "spike" ? "a spike map" : `a ${map.format} data map`;
    const type = printType(this.typeOf(op.operands[index] ?? ""));
    return this.refuse(op, `needs ${needed} for operand ${index + 1}, \`%${map.name}\` is ${has} (${type})`);
  }

  /** Reports that an op cannot run on these operands. */
  refuse(op: Op, why: string, hint?: string): undefined {
    const message = `\`${nameOf(op)}\` (${op.name}) ${why}`;
    return this.report.add(layerwiseDiagnostics.make("unsupported-op", message, { hint, location: locationOf(op) }));
  }

  /** An input of the net, or a value that another group made: it lies in DRAM. */
  inputMap(value: string, type: ValueType): void {
    const port = { kind: "input", name: value } as const;
    const made = this.entering(value);
    if (made === undefined) this.dataMap(value, type, type.number.kind, port);
    else this.define(value, { ...made, ...this.shape(value, type), port });
  }

  spikeMap(
    value: string,
    type: ValueType,
    planes = 1,
    usedPlanes = planes,
    port: FeatureMap["port"] = undefined,
  ): FeatureMap {
    const map = { ...this.shape(value, type), memory: "spike", format: "int", planes, usedPlanes } as const;
    return this.define(value, port === undefined ? map : { ...map, port });
  }

  dataMap(value: string, type: ValueType, format: "real" | "int", port?: FeatureMap["port"]): FeatureMap {
    const { number } = type;
    if (format === "int" && number.kind === "int" && (number.lo < -(2 ** 31) || number.hi >= 2 ** 31)) {
      const message = `\`%${value}\` (${printType(type)}) does not fit the 32 bits of a data word`;
      this.report.add(layerwiseDiagnostics.make("unsupported-value", message));
    }
    const map = { ...this.shape(value, type), memory: "data", format, planes: 1, usedPlanes: 1 } as const;
    return this.define(value, port === undefined ? map : { ...map, port });
  }

  private shape(value: string, type: ValueType) {
    const channels = channelsOf(type);
    return {
      name: value,
      positions: positionsOf(type),
      channels,
      blocks: blocksOf(channels, this.chip),
      span: this.facts.spanOf(value, type),
    };
  }

  private define(value: string, map: FeatureMap): FeatureMap {
    this.maps.set(value, map);
    return map;
  }

  /** Lets a value share the map of another: for ops that are only a format. */
  alias(value: string, map: FeatureMap): void {
    this.maps.set(value, map);
  }

  /** Lets a value be channel blocks of the map of another, from `block` on. */
  slice(value: string, map: FeatureMap, block: number): void {
    this.slices.set(value, { map, block });
  }

  sliceOf(value: string | undefined): SliceView | undefined {
    return this.slices.get(value ?? "");
  }

  /** The layer to which an op's work is attributed; names are made unique by the value. */
  layer(op: Op): number {
    const known = this.layerOf.get(op);
    if (known !== undefined) return known;
    const name = nameOf(op);
    const taken = op.layer === undefined && this.layers.some((layer) => layer.name === name);
    const index = this.parts.layers.push({
      name: taken ? `${name} %${op.result}` : name,
      kind: op.name,
      recorded: op.layer !== undefined,
      positions: positionsOf(op.type),
      channels: channelsOf(op.type),
    });
    this.layerOf.set(op, index - 1);
    return index - 1;
  }

  region(region: Region): number {
    return this.parts.regions.push(region) - 1;
  }

  stage(stage: Omit<Stage, "index">): void {
    this.made.push(stage);
  }

  /** All stages in the order in which they run: what waits for a sequence op comes last. */
  stages(): readonly Stage[] {
    const late = (stage: Omit<Stage, "index">): boolean => stage.phase === "final";
    const order = [...this.made.filter((stage) => !late(stage)), ...this.made.filter(late)];
    return order.map((stage, index) => ({ ...stage, index }));
  }
}

export function locationOf(op: Op) {
  return op.origin === undefined ? undefined : ({ kind: "file", file: op.origin } as const);
}

/** Rows and columns of a map HxWxC. */
export function gridOf(type: ValueType): { readonly height: number; readonly width: number } {
  return { height: type.shape[0] ?? 1, width: type.shape[1] ?? 1 };
}

export const formatCode = (format: "real" | "int"): number => (format === "real" ? 0 : 1);
