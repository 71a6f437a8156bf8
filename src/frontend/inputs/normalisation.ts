/** Normalisations of pixels as the training scripts of the networks have them. */

/** `(pixel / divisor - mean) / std`, per channel or with one value for all of them. */
export interface Normalisation {
  /** 255 for pixels and 1 for everything else where it is left out. */
  readonly divisor?: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Statistics of the training sets in units of pixel/255, by the name a user types. From the evaluation pipelines of:
 * cifar10, cifar100: SDT, STAtten, Spikformer and QKFormer; imagenet: all of them;
 * cifar10-resformer, cifar100-resformer: SpikingResformer, which writes the latter as 129.3/255 and so on;
 * mnist: the MNIST example of PyTorch; fashion-mnist: our trained STAtten checkpoint.
 */
export const NORMALISATIONS = {
  cifar10: { divisor: 255, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  "cifar10-resformer": { divisor: 255, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  cifar100: { divisor: 255, mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
  "cifar100-resformer": {
    divisor: 255,
    mean: [129.3 / 255, 124.1 / 255, 112.4 / 255],
    std: [68.2 / 255, 65.4 / 255, 70.4 / 255],
  },
  imagenet: { divisor: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  mnist: { divisor: 255, mean: [0.1307], std: [0.3081] },
  "fashion-mnist": { divisor: 255, mean: [0.286], std: [0.353] },
} as const satisfies Record<string, Normalisation>;

export type NormalisationName = keyof typeof NORMALISATIONS;

export function isNormalisationName(name: string): name is NormalisationName {
  return Object.hasOwn(NORMALISATIONS, name);
}
