/** Writes PyTorch checkpoints for tests, in both serialisations, as torch.save lays them out. */
import { zipSync, type Zippable } from "fflate";

/** What the writer pickles: arrays are tuples, records are what a pickle calls, names or refers to. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | readonly Pickled[]
  | ReadonlyMap<Pickled, Pickled>
  | { readonly global: readonly [module: string, name: string] }
  | { readonly call: Pickled; readonly args: readonly Pickled[]; readonly state?: Pickled }
  | { readonly persistent: readonly Pickled[] };

const encoder = new TextEncoder();

function u32(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255];
}

function size64(value: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return [...bytes];
}

function integer(value: number): number[] {
  if (value >= -(2 ** 31) && value < 2 ** 31) return [0x4a, ...u32(value)];
  return [0x8a, 8, ...size64(value)];
}

function emit(value: Pickled, out: number[]): void {
  if (value === null) out.push(0x4e);
  else if (typeof value === "boolean") out.push(value ? 0x88 : 0x89);
  else if (typeof value === "number") {
    if (Number.isInteger(value)) out.push(...integer(value));
    else {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, value, false);
      out.push(0x47, ...bytes);
    }
  } else if (typeof value === "string") {
    const bytes = encoder.encode(value);
    out.push(0x58, ...u32(bytes.length), ...bytes);
  } else if (value instanceof Map) {
    out.push(0x7d, 0x28);
    for (const [key, item] of value) {
      emit(key, out);
      emit(item, out);
    }
    out.push(0x75);
  } else if (isTuple(value)) {
    out.push(0x28);
    for (const item of value) emit(item, out);
    out.push(0x74);
  } else if ("global" in value) {
    out.push(0x63, ...encoder.encode(`${value.global[0]}\n${value.global[1]}\n`));
  } else if ("persistent" in value) {
    emit(value.persistent, out);
    out.push(0x51);
  } else if ("call" in value) {
    emit(value.call, out);
    emit(value.args, out);
    out.push(0x52);
    if (value.state !== undefined) {
      emit(value.state, out);
      out.push(0x62);
    }
  }
}

function isTuple(value: Pickled): value is readonly Pickled[] {
  return Array.isArray(value);
}

/** One pickle of protocol 2. */
export function pickle(value: Pickled): Uint8Array {
  const out = [0x80, 2];
  emit(value, out);
  out.push(0x2e);
  return Uint8Array.from(out);
}

/** A storage as in the file: its class and packed bytes of `elements`. */
export interface Storage {
  readonly type: string;
  readonly elements: number;
  readonly bytes: Uint8Array;
}

/** A tensor on storage `key`; offset and strides in elements. */
export function tensor(
  key: string,
  storage: Pick<Storage, "type" | "elements">,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Pickled {
  const persistent = ["storage", { global: ["torch", storage.type] }, key, "cpu", storage.elements] as const;
  return {
    call: { global: ["torch._utils", "_rebuild_tensor_v2"] },
    args: [
      { persistent },
      offset,
      shape,
      strides,
      false,
      { call: { global: ["collections", "OrderedDict"] }, args: [] },
    ],
  };
}

/** The ZIP serialisation of `root`. */
export function torchZip(
  root: Pickled,
  storages: ReadonlyMap<string, Storage>,
  options: { level?: 0 | 9 } = {},
): Uint8Array {
  const files: Zippable = { "archive/data.pkl": pickle(root), "archive/byteorder": encoder.encode("little") };
  for (const [key, storage] of storages) files[`archive/data/${key}`] = storage.bytes;
  files["archive/version"] = encoder.encode("3\n");
  return zipSync(files, { level: options.level ?? 0 });
}

/** The legacy serialisation of `root`: five pickles, then element counts and bytes. */
export function torchLegacy(root: Pickled, storages: ReadonlyMap<string, Storage>): Uint8Array {
  const parts: Uint8Array[] = [
    Uint8Array.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]),
    pickle(1001),
    pickle(new Map([["little_endian", true]])),
    pickle(root),
    pickle([...storages.keys()]),
  ];
  for (const storage of storages.values()) parts.push(Uint8Array.from(size64(storage.elements)), storage.bytes);
  return new Uint8Array(Buffer.concat(parts));
}
