/** What a pickle holds once read: plain data. Nothing here was executed to make it. */
import type { ElementType } from "./elements.js";

/** A named class or function of Python, never called. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly module: string;
  readonly name: string;
}

/** An object of an allowed class: the arguments it was made with and its state, for example an argparse.Namespace. */
export interface PickleObject {
  readonly kind: "opaque";
  readonly module: string;
  readonly name: string;
  readonly args: readonly PickleValue[];
  /** `__dict__`, or what the class stores instead; set once the pickle builds the object. */
  state: PickleValue;
}

/** A range of a storage of the checkpoint file; no bytes are read. */
export interface StorageRef {
  readonly kind: "storage";
  readonly key: string;
  /** Type as the file names it, for messages. */
  readonly typeName: string;
  /** Undefined for types that no tensor may have here, such as complex ones. */
  readonly type: ElementType | undefined;
  /** In elements of `type`, bytes for untyped storages. */
  readonly elements: number;
  /** Start inside the storage `key`, in elements. */
  readonly start: number;
}

/** A tensor that is still in the file. Offset and strides count elements of `type`. */
export interface TensorRef {
  readonly kind: "tensor";
  readonly storage: StorageRef;
  readonly typeName: string;
  readonly type: ElementType | undefined;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Lists, tuples and sets are arrays; dictionaries of all kinds are maps. Cycles are possible. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | PickleObject
  | StorageRef
  | TensorRef
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/** The same, as others see it. */
export type CheckpointValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleGlobal
  | Readonly<PickleObject>
  | StorageRef
  | TensorRef
  | readonly CheckpointValue[]
  | ReadonlyMap<CheckpointValue, CheckpointValue>;

export type PickleKind = PickleGlobal["kind"] | PickleObject["kind"] | StorageRef["kind"] | TensorRef["kind"];

/** Whether a value is one of the tagged records, of this kind. */
export function isKind<K extends PickleKind>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { kind: K }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

/** What a value is, in words for messages. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dictionary of ${value.size}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== "object")
    return typeof value === "string" ? `the string \`${value.slice(0, 40)}\`` : String(value);
  if (value.kind === "tensor") return "a tensor";
  if (value.kind === "storage") return "a storage";
  return `\`${value.module}.${value.name}\``;
}
