/**
 * The classes and functions a pickle may name, and what each stands for as data. Everything else is refused:
 * a pickle is a program, and calling what it names would run it.
 */
import { frontendError } from "../diagnostics.js";
import { corrupt, locationOf, viewOf, type Origin } from "./bytes.js";
import { checkedElements, decodeElements, type ElementType } from "./elements.js";
import {
  describe,
  isKind,
  type PickleGlobal,
  type PickleObject,
  type PickleValue,
  type TensorRef,
} from "./pickle-value.js";

/** What a rule may ask of the machine that reads the pickle. */
export interface PickleContext {
  readonly origin: Origin;
  /** Position in the pickle, for messages. */
  readonly offset: number;
  /** Accounts for `count` new elements; throws when a pickle copies more than its size explains. */
  spend(count: number): void;
}

type Rule = (args: readonly PickleValue[], context: PickleContext, global: PickleGlobal) => PickleValue;

const opaque: Rule = (args, _context, { module, name }) => ({ kind: "opaque", module, name, args, state: null });
/** The container passed to a constructor is shared, not copied: the tree is only read. */
const list: Rule = (args) => (Array.isArray(args[0]) ? args[0] : []);
const firstArgument: Rule = (args) => args[0] ?? null;

const dictionary: Rule = ([items], context) => {
  if (items instanceof Map) return items;
  const map = new Map<PickleValue, PickleValue>();
  if (items === undefined) return map;
  if (!Array.isArray(items)) throw corrupt(context.origin, context.offset, "items of a dictionary", describe(items));
  context.spend(items.length);
  for (const item of items) {
    if (!Array.isArray(item) || item.length !== 2)
      throw corrupt(context.origin, context.offset, "a key and a value", describe(item));
    map.set(item[0] ?? null, item[1] ?? null);
  }
  return map;
};

function integers(value: PickleValue | undefined, what: string, context: PickleContext): number[] {
  if (!Array.isArray(value)) throw corrupt(context.origin, context.offset, `a ${what} as integers`, describe(value));
  return value.map((v) => {
    if (typeof v !== "number" || !Number.isSafeInteger(v) || v < 0) {
      throw corrupt(context.origin, context.offset, `a ${what} as integers from 0`, describe(v));
    }
    return v;
  });
}

/** `(storage, offset, shape, strides, ...)`; version 3 has the element type as the seventh argument. */
function rebuildTensor(args: readonly PickleValue[], context: PickleContext, typed: boolean): TensorRef {
  const [storage, offset] = args;
  if (!isKind(storage, "storage"))
    throw corrupt(context.origin, context.offset, "a storage for a tensor", describe(storage));
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0) {
    throw corrupt(context.origin, context.offset, "a storage offset from 0", describe(offset));
  }
  const shape = integers(args[2], "shape", context);
  const strides = integers(args[3], "stride", context);
  context.spend(shape.length);
  if (shape.length !== strides.length)
    throw corrupt(context.origin, context.offset, `${shape.length} strides`, String(strides.length));
  if (checkedElements(shape) === undefined) {
    throw corrupt(
      context.origin,
      context.offset,
      "the shape of a feasible tensor",
      `[${shape.slice(0, 8).join(", ")}]`,
    );
  }
  let { type, typeName } = storage;
  if (typed) {
    const dtype = args[6];
    if (!isKind(dtype, "global")) throw corrupt(context.origin, context.offset, "a torch dtype", describe(dtype));
    typeName = dtype.name;
    type = TORCH_DTYPES.get(dtype.name);
  }
  return { kind: "tensor", storage, type, typeName, offset, shape, strides };
}

/** `torch.<name>` of element types; undefined for those that are known but have no array here. */
const TORCH_DTYPES: ReadonlyMap<string, ElementType | undefined> = new Map<string, ElementType | undefined>([
  ["float64", "f64"],
  ["double", "f64"],
  ["float32", "f32"],
  ["float", "f32"],
  ["float16", "f16"],
  ["half", "f16"],
  ["bfloat16", "bf16"],
  ["int64", "i64"],
  ["long", "i64"],
  ["int32", "i32"],
  ["int", "i32"],
  ["int16", "i16"],
  ["short", "i16"],
  ["int8", "i8"],
  ["uint8", "u8"],
  ["uint16", "u16"],
  ["uint32", "u32"],
  ["uint64", "u64"],
  ["bool", "bool"],
  ...["complex32", "complex64", "complex128", "qint8", "quint8", "qint32"].map((n): [string, undefined] => [
    n,
    undefined,
  ]),
  ...["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"].map((n): [string, undefined] => [
    n,
    undefined,
  ]),
]);

/** `torch.<name>` of storage classes. */
const STORAGE_TYPES: ReadonlyMap<string, ElementType | undefined> = new Map<string, ElementType | undefined>([
  ["DoubleStorage", "f64"],
  ["FloatStorage", "f32"],
  ["HalfStorage", "f16"],
  ["BFloat16Storage", "bf16"],
  ["LongStorage", "i64"],
  ["IntStorage", "i32"],
  ["ShortStorage", "i16"],
  ["CharStorage", "i8"],
  ["ByteStorage", "u8"],
  ["BoolStorage", "bool"],
  ["UntypedStorage", "u8"],
  ...["ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage", "QUInt8Storage", "QInt32Storage"].map(
    (n): [string, undefined] => [n, undefined],
  ),
]);

/** The element type of a storage class named by a persistent id; undefined when it is no storage class. */
export function storageType(
  value: PickleValue | undefined,
): { name: string; type: ElementType | undefined } | undefined {
  if (!isKind(value, "global") || !STORAGE_TYPES.has(value.name)) return undefined;
  return { name: value.name, type: STORAGE_TYPES.get(value.name) };
}

/** `numpy.dtype(code)` plus its state `(version, byteorder, ...)`, and the raw bytes of one element. */
const numpyScalar: Rule = (args, context, global) => {
  const [dtype, raw] = args;
  if (!isKind(dtype, "opaque") || !(raw instanceof Uint8Array)) return opaque(args, context, global);
  const code = dtype.args[0];
  const type = typeof code === "string" ? NUMPY_SCALARS.get(code) : undefined;
  if (type === undefined || raw.length !== type[1]) return opaque(args, context, global);
  const order = Array.isArray(dtype.state) ? dtype.state[1] : "<";
  const value = decodeElements(raw, type[0], order !== ">").data[0] ?? 0;
  return type[0] === "bool" ? value !== 0 : value;
};

const NUMPY_SCALARS: ReadonlyMap<string, readonly [ElementType, number]> = new Map<
  string,
  readonly [ElementType, number]
>([
  ["f8", ["f64", 8]],
  ["f4", ["f32", 4]],
  ["f2", ["f16", 2]],
  ["i8", ["i64", 8]],
  ["i4", ["i32", 4]],
  ["i2", ["i16", 2]],
  ["i1", ["i8", 1]],
  ["u8", ["u64", 8]],
  ["u4", ["u32", 4]],
  ["u2", ["u16", 2]],
  ["u1", ["u8", 1]],
  ["b1", ["bool", 1]],
]);

/** `_codecs.encode(text, "latin1")` is how protocol 2 writes bytes. */
const encode: Rule = (args, context, global) => {
  const [text, encoding] = args;
  if (typeof text !== "string" || encoding !== "latin1") return opaque(args, context, global);
  context.spend(text.length);
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
};

/** `copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 write any object. */
const reconstructor: Rule = ([cls], context) => {
  if (!isKind(cls, "global")) throw corrupt(context.origin, context.offset, "a class to reconstruct", describe(cls));
  return reduceGlobal(cls, [], context);
};

/** `torch._tensor._rebuild_from_type_v2(function, type, args, state)`: a tensor that carries attributes. */
const rebuildFromType: Rule = ([fn, , args], context) => {
  if (!isKind(fn, "global") || !Array.isArray(args))
    throw corrupt(context.origin, context.offset, "how to rebuild a tensor", describe(fn));
  // Only one level: a function that rebuilds by calling itself would recurse as deep as the file says.
  if (fn.name === "_rebuild_from_type_v2") throw corrupt(context.origin, context.offset, "a tensor function", "itself");
  return reduceGlobal(fn, args, context);
};

function named(modules: readonly string[], names: readonly string[], rule: Rule): [string, Rule][] {
  return modules.flatMap((module) => names.map((name): [string, Rule] => [`${module}.${name}`, rule]));
}

const BUILTINS = ["builtins", "__builtin__"];
const NUMPY_MULTIARRAY = ["numpy.core.multiarray", "numpy._core.multiarray"];

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...named(["collections"], ["OrderedDict", "Counter"], dictionary),
  // The first argument is the class of the default.
  [
    "collections.defaultdict",
    ([, items], context, global) => dictionary(items === undefined ? [] : [items], context, global),
  ],
  ...named(BUILTINS, ["dict"], dictionary),
  ...named(BUILTINS, ["list", "tuple", "set", "frozenset"], list),
  ...named(
    BUILTINS,
    ["int", "float", "bool", "str", "bytes", "bytearray", "complex", "slice", "range", "object"],
    opaque,
  ),
  ...named(["argparse"], ["Namespace"], opaque),
  ...named(
    ["pathlib", "pathlib._local"],
    ["Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"],
    opaque,
  ),
  ...named(["copyreg", "copy_reg"], ["_reconstructor"], reconstructor),
  ["_codecs.encode", encode],
  ...named(NUMPY_MULTIARRAY, ["scalar"], numpyScalar),
  ...named(NUMPY_MULTIARRAY, ["_reconstruct"], ([cls], context, global) =>
    isKind(cls, "global") ? opaque([], context, cls) : opaque([], context, global),
  ),
  ...named(["numpy"], ["dtype", "ndarray", "bool_", "float64", "float32", "int64", "int32"], opaque),
  ["torch.Size", list],
  ...named(["torch"], ["device", "Tensor", "strided", "contiguous_format", "channels_last"], opaque),
  ...named(["torch.serialization"], ["_get_layout"], opaque),
  ...named(["torch"], [...TORCH_DTYPES.keys()], opaque),
  ...named(["torch", "torch.cuda", "torch.storage"], [...STORAGE_TYPES.keys()], opaque),
  ...named(["torch.nn.parameter"], ["Parameter"], opaque),
  ...named(["torch._utils"], ["_rebuild_tensor", "_rebuild_tensor_v2"], (args, context) =>
    rebuildTensor(args, context, false),
  ),
  ["torch._utils._rebuild_tensor_v3", (args, context) => rebuildTensor(args, context, true)],
  ...named(["torch._utils"], ["_rebuild_parameter", "_rebuild_parameter_with_state"], firstArgument),
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
]);

/** Looks a name up in the allow-list. Throws `frontend/pickle-refused`. */
export function resolveGlobal(module: string, name: string, origin: Origin): PickleGlobal {
  // A dotted name would let Python walk from an allowed module into another one.
  if (!name.includes(".") && RULES.has(`${module}.${name}`)) return { kind: "global", module, name };
  throw frontendError(
    "pickle-refused",
    `the pickle names \`${module}.${name}\`, which is not on the list of harmless classes`,
    {
      location: locationOf(origin),
      notes: [{ message: "nothing was executed; a pickle can run any code when Python loads it" }],
      hint: "save the state_dict: torch.save(model.state_dict(), path)",
    },
  );
}

/** What calling `global` with `args` would give, as data. */
export function reduceGlobal(global: PickleGlobal, args: readonly PickleValue[], context: PickleContext): PickleValue {
  const rule = RULES.get(`${global.module}.${global.name}`);
  if (rule === undefined)
    throw corrupt(context.origin, context.offset, "a callable of the allow-list", describe(global));
  return rule(args, context, global);
}

/** Attributes given to an object after its making. Those of dictionaries and tensors are dropped: they hold no numbers. */
export function buildState(target: PickleValue, state: PickleValue, context: PickleContext): void {
  if (target instanceof Map || isKind(target, "tensor")) return;
  if (!isKind(target, "opaque"))
    throw corrupt(context.origin, context.offset, "an object to give state to", describe(target));
  target.state = state;
}

/** The attributes of an argparse.Namespace or the entries of a dictionary; undefined for anything else. */
export function attributesOf(value: PickleValue | undefined): Map<PickleValue, PickleValue> | undefined {
  if (value instanceof Map) return value;
  if (!isKind(value, "opaque") || value.module !== "argparse") return undefined;
  return value.state instanceof Map ? value.state : undefined;
}

/** An allowed object that stands for one word, such as a path or a device, as that word. */
export function wordOf(value: PickleObject): string | undefined {
  const parts = value.args.filter((a) => typeof a === "string" || typeof a === "number");
  if (parts.length === 0 || parts.length !== value.args.length) return undefined;
  if (value.module.startsWith("pathlib")) return parts.join("/").replace(/^\/\//, "/");
  return value.module === "torch" && value.name === "device" ? parts.join(":") : undefined;
}

/** Two's complement, little endian, as pickles write long integers; a number where it is safe. */
export function longInteger(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length === 8) return narrow(viewOf(bytes).getBigInt64(0, true));
  let hex = "";
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] ?? 0).toString(16).padStart(2, "0");
  return narrow(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)));
}

export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
