/** A checkpoint of any format, and how the useful dictionary of tensors is found in what training scripts save. */
import type { Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { attributesOf, wordOf } from "./pickle-globals.js";
import { describe, isKind, type PickleValue, type TensorRef } from "./pickle-value.js";

export type ConfigValue = string | number | boolean | null;

export interface Checkpoint {
  /** Parameters and buffers by their path in the model, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Scalars of the training arguments; nested ones and lists as `outer.inner` and `list.0`. Empty if none were saved. */
  readonly config: ReadonlyMap<string, ConfigValue>;
  /** Scalars that stand beside the tensors, such as `arch` and `epoch`, or the metadata of safetensors. */
  readonly metadata: ReadonlyMap<string, ConfigValue>;
  /** Where the tensors stood: `plain`, or the key of their dictionary. */
  readonly container: string;
  /** Present when every name began with it, as saved from DataParallel models. */
  readonly strippedPrefix?: "module.";
  /** Entries that were neither read as tensors nor as arguments, for example `optimizer`. */
  readonly ignored: readonly string[];
}

/** Looked for in this order; timm, MAE-style scripts and timm's moving average. */
const CONTAINERS = ["state_dict", "model", "state_dict_ema"] as const;
const MODULE_PREFIX = "module.";
const CONFIG_LIMITS = { depth: 8, visits: 10_000, list: 64 } as const;

/** Reads one tensor; `name` is for messages. */
export type Materialise = (ref: TensorRef, name: string) => Tensor;

interface Picked {
  readonly container: string;
  readonly entries: ReadonlyMap<PickleValue, PickleValue>;
}

function hasTensors(entries: ReadonlyMap<PickleValue, PickleValue>): boolean {
  for (const [key, value] of entries) if (typeof key === "string" && isKind(value, "tensor")) return true;
  return false;
}

function pick(root: ReadonlyMap<PickleValue, PickleValue>): Picked | undefined {
  for (const container of CONTAINERS) {
    const entries = root.get(container);
    if (entries instanceof Map && hasTensors(entries)) return { container, entries };
  }
  return hasTensors(root) ? { container: "plain", entries: root } : undefined;
}

function keyText(key: PickleValue): string {
  return typeof key === "string" ? key : describe(key);
}

function scalar(value: PickleValue): ConfigValue | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
    return value;
  if (typeof value === "bigint") return String(value);
  return isKind(value, "opaque") ? wordOf(value) : undefined;
}

/** The scalars under `value` by dotted path; depth and visits are bounded, because a pickle may hold cycles. */
function flatten(root: PickleValue): Map<string, ConfigValue> {
  const config = new Map<string, ConfigValue>();
  let visits = 0;
  const visit = (value: PickleValue, path: string, depth: number): void => {
    if (++visits > CONFIG_LIMITS.visits || depth > CONFIG_LIMITS.depth) return;
    const single = depth === 0 ? undefined : scalar(value);
    if (single !== undefined) {
      config.set(path, single);
      return;
    }
    const prefix = path === "" ? "" : `${path}.`;
    if (Array.isArray(value)) {
      value.slice(0, CONFIG_LIMITS.list).forEach((item, i) => visit(item, `${prefix}${i}`, depth + 1));
      return;
    }
    for (const [key, child] of attributesOf(value) ?? []) {
      if (visits > CONFIG_LIMITS.visits) return;
      visit(child, prefix + keyText(key), depth + 1);
    }
  };
  visit(root, "", 0);
  return config;
}

/** Builds the checkpoint from an unpickled tree, reading only the tensors of the chosen dictionary. */
export function assembleCheckpoint(root: PickleValue, file: string, materialise: Materialise): Checkpoint {
  const location = { kind: "file", file } as const;
  const hint = "save the state_dict: torch.save(model.state_dict(), path)";
  if (!(root instanceof Map)) {
    throw frontendError("no-tensors", `the checkpoint holds ${describe(root)}, expected a dictionary of tensors`, {
      location,
      hint,
    });
  }
  const picked = pick(root);
  if (picked === undefined) {
    const keys = [...root.keys()].slice(0, 12).map((key) => `\`${keyText(key)}\``);
    const found = keys.length === 0 ? "no entries" : `the entries ${keys.join(", ")}${root.size > 12 ? ", ..." : ""}`;
    const message = `the checkpoint has ${found}, but no tensors in \`state_dict\`, \`model\`, \`state_dict_ema\` or directly`;
    throw frontendError("no-tensors", message, { location, hint });
  }

  const metadata = new Map<string, ConfigValue>();
  const ignored: string[] = [];
  const plain = picked.container === "plain";
  const args = root.get("args");
  const config = attributesOf(args) === undefined ? new Map<string, ConfigValue>() : flatten(args ?? null);
  for (const [key, value] of root) {
    const name = keyText(key);
    if (name === picked.container || (plain && isKind(value, "tensor"))) continue;
    if (name === "args" && config.size > 0) continue;
    const single = scalar(value);
    if (single === undefined) ignored.push(name);
    else metadata.set(name, single);
  }

  const refs: [string, TensorRef][] = [];
  for (const [key, value] of picked.entries) {
    if (typeof key === "string" && isKind(value, "tensor")) refs.push([key, value]);
    else if (!plain) ignored.push(`${picked.container}.${keyText(key)}`);
  }
  const strip = refs.every(([key]) => key.startsWith(MODULE_PREFIX));
  const tensors = new Map<string, Tensor>();
  for (const [key, ref] of refs) {
    const name = strip ? key.slice(MODULE_PREFIX.length) : key;
    tensors.set(name, materialise(ref, key));
  }
  return {
    tensors,
    config,
    metadata,
    container: picked.container,
    ignored,
    ...(strip ? { strippedPrefix: MODULE_PREFIX } : {}),
  };
}
