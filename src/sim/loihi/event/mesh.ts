import type { LoihiProgram } from "../../../backends/program/loihi/program.js";

/** Directions of the links that leave a router. */
export const [EAST, WEST, SOUTH, NORTH] = [0, 1, 2, 3] as const;
export const DIRECTIONS = 4;
const DX = [1, -1, 0, 0];
const DY = [0, 0, 1, -1];

/** Links that a message from one tile to another passes, by kind. */
export interface Hops {
  readonly x: number;
  readonly y: number;
  readonly chip: number;
}

/** A link from one router to its neighbour. Places count within the rectangle of routers that the program uses. */
export interface Link {
  readonly index: number;
  readonly direction: number;
  /** Tiles. */
  readonly from: number;
  readonly to: number;
  /** The router that it leads to. */
  readonly router: number;
  readonly x: number;
  readonly y: number;
  /** ps. */
  readonly service: number;
  readonly hop: number;
}

/**
 * Routers of the smallest rectangle that holds all cores of a program: ways along X, then Y, do not leave it. Router y * width + x
 * has the links DIRECTIONS * router + direction.
 */
export class Mesh {
  readonly width: number;
  readonly height: number;
  private readonly left: number;
  private readonly top: number;
  /** Routers of a row of all chips. */
  private readonly row: number;

  constructor(private readonly program: LoihiProgram) {
    const { mesh } = program.chip;
    this.row = mesh.tilesX * mesh.chipsX;
    const xs = program.cores.map(({ tile }) => tile % this.row);
    const ys = program.cores.map(({ tile }) => Math.floor(tile / this.row));
    [this.left, this.width] = extent(xs);
    [this.top, this.height] = extent(ys);
  }

  get routers(): number {
    return this.width * this.height;
  }

  /** Column and row of a tile in the rectangle. */
  xOf(tile: number): number {
    return (tile % this.row) - this.left;
  }

  yOf(tile: number): number {
    return Math.floor(tile / this.row) - this.top;
  }

  hops(from: number, to: number): Hops {
    const { tilesX, tilesY } = this.program.chip.mesh;
    const ways = (a: number, b: number, tiles: number): readonly [links: number, between: number] => [
      Math.abs(a - b),
      Math.abs(Math.floor(a / tiles) - Math.floor(b / tiles)),
    ];
    const [x, betweenX] = ways(from % this.row, to % this.row, tilesX);
    const [y, betweenY] = ways(Math.floor(from / this.row), Math.floor(to / this.row), tilesY);
    return { x: x - betweenX, y: y - betweenY, chip: betweenX + betweenY };
  }

  /**
   * All links, each behind every link from which messages can come to it: those along X before those along Y, and those of one
   * direction in that direction.
   */
  links(): readonly Link[] {
    const { width, height } = this;
    const along = (direction: number): Link[] => {
      const links = [];
      const forward = DX[direction]! + DY[direction]! > 0;
      for (let i = 0; i < width * height; i++) {
        const router = forward ? i : width * height - 1 - i;
        const [x, y] = [router % width, Math.floor(router / width)];
        const [toX, toY] = [x + DX[direction]!, y + DY[direction]!];
        if (toX >= 0 && toX < width && toY >= 0 && toY < height) links.push(this.link(x, y, toX, toY, direction));
      }
      return links;
    };
    return [EAST, WEST, SOUTH, NORTH].flatMap(along);
  }

  private link(fromX: number, fromY: number, x: number, y: number, direction: number): Link {
    const { time } = this.program.chip;
    const tile = (atX: number, atY: number): number => (atY + this.top) * this.row + atX + this.left;
    const [from, to] = [tile(fromX, fromY), tile(x, y)];
    const between = this.hops(from, to).chip === 1;
    const hop = direction === EAST || direction === WEST ? time.hopX : time.hopY;
    return {
      index: DIRECTIONS * (fromY * this.width + fromX) + direction,
      direction,
      from,
      to,
      router: y * this.width + x,
      x,
      y,
      service: between ? time.chipLink : time.link,
      hop: between ? time.chipHop : hop,
    };
  }
}

/** The smallest of some numbers, and how many integers there are from it to the largest. */
function extent(values: readonly number[]): readonly [least: number, count: number] {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return values.length === 0 ? [0, 0] : [least, most - least + 1];
}
