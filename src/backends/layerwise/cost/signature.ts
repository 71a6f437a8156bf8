import { printType, type AttrValue, type Net, type Op } from "../../../ir/index.js";
import type { ScheduleGroup } from "../../../passes/cost-model.js";
import type { FeatureMap } from "../stage.js";
import { groupNet } from "../groups.js";
import type { Activity } from "./activity.js";

/**
 * A text that is equal for groups that are laid out alike: their ops and types, how they are connected, how what enters lies and
 * how active everything is. Constants count with their shapes, and with whether all their values are equal.
 */
export function signatureOf(
  net: Net,
  group: ScheduleGroup,
  mapOf: (value: string) => FeatureMap | undefined,
  activity: Activity,
): string {
  const part = groupNet(net, group);
  const numbers = new Map<string, number>();
  const numberOf = (value: string): number => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  };
  const inputs = part.inputs.map(({ name, type }) => {
    const map = mapOf(name);
    const lies = map === undefined ? "" : `${map.memory} ${map.format} ${map.planes} ${map.usedPlanes}`;
    return `${numberOf(name)} ${printType(type)} ${lies} ${activity.signature(name)}`;
  });
  const ops = part.ops.map((op) => {
    const operands = op.operands.map(numberOf).join(",");
    return `${numberOf(op.result)}=${op.name} ${operands} ${constantsText(net, op)} ${printType(op.type)} ${activity.signature(op.result)}`;
  });
  // A value leaves once per port that returns it, or once for other groups.
  const ports = (value: string): number => net.outputs.filter((output) => output.value === value).length;
  const outputs = part.outputs.map(({ value }) => `${numberOf(value)} x${ports(value)}`);
  return [group.block, ...inputs, ...ops, outputs.join(",")].join("\n");
}

function constantsText(net: Net, op: Op): string {
  const symbols = op.symbols.map((symbol) => constantText(net, symbol));
  const attrs = Object.entries(op.attrs).map(([name, value]) => `${name}=${attrText(net, value)}`);
  return [...symbols, ...attrs].join(" ");
}

function attrText(net: Net, value: AttrValue): string {
  if (typeof value === "object" && "symbol" in value) return constantText(net, value.symbol);
  return JSON.stringify(value);
}

function constantText(net: Net, symbol: string): string {
  const constant = net.constants.get(symbol);
  if (constant?.kind !== "real") return constant?.shape.join("x") ?? symbol;
  const [first] = constant.data;
  return `${constant.shape.join("x")} ${constant.data.every((value) => value === first)}`;
}
