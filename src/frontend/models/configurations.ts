import type { SettingValue } from "./settings.js";

/** A published size of an architecture: all settings that have no default. */
export interface Configuration {
  readonly name: string;
  readonly summary: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
}

type Values = Configuration["settings"];

const COMMON: Values = { heads: 8, "mlp-ratio": 4 };
const cifar = (classes: number): Values => ({
  ...COMMON,
  timesteps: 4,
  height: 32,
  width: 32,
  channels: 3,
  pooling: "0011",
  classes,
});
const imagenet: Values = {
  ...COMMON,
  timesteps: 4,
  height: 224,
  width: 224,
  channels: 3,
  pooling: "1111",
  classes: 1000,
};
/** Event frames of 64 x 64, one per timestep. */
const frames = (timesteps: number, classes: number): Values => ({
  ...COMMON,
  timesteps,
  height: 64,
  width: 64,
  channels: 2,
  pooling: "0011",
  events: true,
  classes,
});

const sized = (values: Values, depth: number, dim: number, chunk: number): Values => ({ ...values, depth, dim, chunk });

export const STATTEN_CONFIGURATIONS: readonly Configuration[] = [
  ...[256, 512].flatMap((dim) =>
    [10, 100].map((classes) => ({
      name: `statten-cifar${classes}-2-${dim}`,
      summary: `CIFAR-${classes}, 2 blocks of ${dim} channels`,
      settings: sized(cifar(classes), 2, dim, 2),
    })),
  ),
  {
    name: "statten-cifar10dvs-2-256",
    summary: "CIFAR10-DVS, 16 frames of 64 x 64 in chunks of 4",
    settings: sized(frames(16, 10), 2, 256, 4),
  },
  {
    name: "statten-ncaltech101-2-256",
    summary: "N-Caltech101, 16 frames of 64 x 64 in chunks of 4",
    settings: sized(frames(16, 101), 2, 256, 4),
  },
  ...[512, 768].map((dim) => ({
    name: `statten-8-${dim}`,
    summary: `ImageNet at 224 x 224, 8 blocks of ${dim} channels`,
    settings: sized(imagenet, 8, dim, 2),
  })),
];

export const SDT_CONFIGURATIONS: readonly Configuration[] = [
  ...[256, 512].flatMap((dim) =>
    [10, 100].map((classes) => ({
      name: `sdt-cifar${classes}-2-${dim}`,
      summary: `CIFAR-${classes}, 2 blocks of ${dim} channels`,
      settings: sized(cifar(classes), 2, dim, 1),
    })),
  ),
  {
    name: "sdt-cifar10dvs-2-256",
    summary: "CIFAR10-DVS, 10 frames of 64 x 64",
    settings: sized(frames(10, 10), 2, 256, 1),
  },
  ...(
    [
      [8, 384],
      [6, 512],
      [8, 512],
      [10, 512],
      [8, 768],
    ] as const
  ).map(([depth, dim]) => ({
    name: `sdt-${depth}-${dim}`,
    summary: `ImageNet at 224 x 224, ${depth} blocks of ${dim} channels`,
    settings: sized(imagenet, depth, dim, 1),
  })),
];
