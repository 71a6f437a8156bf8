import type * as TensorFlow from "@tensorflow/tfjs-core";

/** What the kernels need of TensorFlow.js; both packages that supply it export the same functions. */
export type TfApi = Pick<
  typeof TensorFlow,
  "conv2d" | "env" | "matMul" | "maxPool" | "pad" | "setBackend" | "tensor2d" | "tensor4d" | "tidy"
>;

/** A loaded TensorFlow.js, with its backend in use. */
export interface LoadedTf {
  readonly tf: TfApi;
  /** Name and version of the package whose code does the arithmetic. */
  readonly backend: string;
}
