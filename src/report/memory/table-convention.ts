/**
 * The memory column of Table 6 of the STAtten paper, which counts values instead of what a chip holds: P parameters and A
 * activations, `4 (P + A)` bytes in 32 bits and `P + A` in 8. The paper states no formula. Its row of a ViT-B follows from
 * P = 86.59 M and A = 9 N D (N = 197 tokens of D = 768 values); its rows of spiking networks only if A has the same bytes in
 * both columns, `4 P + A` and `P + A`, and then P is up to 6 % off what their models have and A has no definition.
 *
 * Here P are the weights and biases of the compiled net, batch norms folded, and A the neurons of the net: one value each, for one
 * timestep, all layers at once. That is our reading of A.
 */
export interface TableMemory {
  readonly parameters: number;
  readonly activations: number;
  /** 4 (P + A), bytes. */
  readonly m32: number;
  /** 4 P + A: activations in 8 bits. */
  readonly m32Weights: number;
  /** P + A. */
  readonly m8: number;
}

export function tableMemory(parameters: number, activations: number): TableMemory {
  return {
    parameters,
    activations,
    m32: 4 * (parameters + activations),
    m32Weights: 4 * parameters + activations,
    m8: parameters + activations,
  };
}
