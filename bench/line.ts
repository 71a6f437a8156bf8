/** A straight line y = a + b x through points. */
export interface Line {
  readonly a: number;
  readonly b: number;
  /** Share of the variance of y that the line explains, 0..1; NaN where y never changes. */
  readonly r2: number;
}

/** The line of least squares; NaN where all x are equal. */
export function line(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((all, point) => all + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const covariance = mean((point) => (point[0] - x) * (point[1] - y));
  const variance = mean((point) => (point[0] - x) ** 2);
  const b = covariance / variance;
  return { a: y - b * x, b, r2: covariance ** 2 / variance / mean((point) => (point[1] - y) ** 2) };
}
