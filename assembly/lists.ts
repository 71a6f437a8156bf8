/*
 * From spike words to lists of weight rows. The timesteps of a group are taken four at a time (a quad), and the rows of a
 * quad sorted by their pattern: bit s of pattern 1..15 says that the row's input spikes in timestep s of the quad.
 */
import { ListJob, SpikeWindow } from "./job";

/** Header of a list: numbers 0..14 are the addresses of the rows of pattern 1..15, number 15 the end. */
export const HEADER_BYTES: u32 = 64;

/** Bits of timestep `step` from lane 8 * byte on, as far as `mask` goes. May read up to seven bytes behind the word. */
@inline
function bitsOf(word: usize, stepBytes: u32, step: u32, byte: u32, mask: u64): u64 {
  return load<u64>(word + step * stepBytes + byte) & mask;
}

/** Lanes `lane`.. of a block that are channels, at most 64 of them, as a mask. */
@inline
function laneMask(window: SpikeWindow, block: i32, lane: u32): u64 {
  const left = min<i32>(window.lanes - lane, window.channels - block * window.lanes - lane);
  return left >= 64 ? u64.MAX_VALUE : left <= 0 ? 0 : ((<u64>1) << left) - 1;
}

/**
 * Per scan word of the tile, in the order of the scanner, the number of channels that spike in any timestep, as i32 at
 * `words`; and at `counts` the number of spikes of each timestep, as f64. Returns the end of `words`.
 */
export function scan(window: SpikeWindow, words: usize, counts: usize): usize {
  for (let p = 0; p < window.positions; p++) {
    const top = window.top(p);
    const left = window.left(p);
    const kyTo = window.end(top, window.height);
    const kxTo = window.end(left, window.width);
    for (let plane = 0; plane < window.planes; plane++) {
      for (let ky = max(0, -top); ky < kyTo; ky++) {
        for (let kx = max(0, -left); kx < kxTo; kx++) {
          let word = window.at(top + ky, left + kx) + plane * window.planeBytes;
          for (let block = 0; block < window.blocks; block++, word += window.wordBytes) {
            store<i32>(words, scanWord(window, word, block, counts));
            words += 4;
          }
        }
      }
    }
  }
  return words;
}

@inline
function scanWord(window: SpikeWindow, word: usize, block: i32, counts: usize): i32 {
  let active = 0;
  for (let lane: u32 = 0; lane < window.lanes; lane += 64) {
    const mask = laneMask(window, block, lane);
    let or: u64 = 0;
    for (let s: u32 = 0; s < window.steps; s++) {
      const bits = bitsOf(word, window.stepBytes, s, lane >> 3, mask);
      or |= bits;
      const count = counts + s * 8;
      store<f64>(count, load<f64>(count) + <f64>popcnt(bits));
    }
    active += <i32>popcnt(or);
  }
  return active;
}

/** Lists of all positions, quads and planes of the tile: headers and rows (u32), each one behind the other. */
export function buildLists(job: ListJob): void {
  let headers = job.headers;
  let rows = job.rows;
  for (let p = 0; p < job.positions; p++) {
    const top = job.top(p);
    const left = job.left(p);
    for (let step: u32 = 0; step < job.steps; step += 4) {
      for (let plane = 0; plane < job.planes; plane++) {
        countPatterns(job, plane, top, left, step, headers, rows);
        placeRows(job, plane, top, left, step, headers);
        rows = load<u32>(headers + 60);
        headers += HEADER_BYTES;
      }
    }
  }
}

/** Puts the end of each pattern's rows into the header: where placeRows starts, from the back. */
function countPatterns(
  window: SpikeWindow,
  plane: i32,
  top: i32,
  left: i32,
  step: u32,
  header: usize,
  rows: usize,
): void {
  for (let i: u32 = 0; i < HEADER_BYTES; i += 16) v128.store(header + i, i64x2.splat(0));
  const steps = window.steps - step;
  const kyTo = window.end(top, window.height);
  const kxFrom = max(0, -left);
  const words = max(0, (window.end(left, window.width) - kxFrom) * window.blocks);
  for (let ky = max(0, -top); ky < kyTo; ky++) {
    let word = window.at(top + ky, left + kxFrom) + plane * window.planeBytes;
    let block = 0;
    for (let i = 0; i < words; i++, word += window.wordBytes) {
      for (let lane: u32 = 0; lane < window.lanes; lane += 64) {
        const mask = laneMask(window, block, lane);
        const a = bitsOf(word, window.stepBytes, step, lane >> 3, mask);
        const b = steps > 1 ? bitsOf(word, window.stepBytes, step + 1, lane >> 3, mask) : 0;
        const c = steps > 2 ? bitsOf(word, window.stepBytes, step + 2, lane >> 3, mask) : 0;
        const d = steps > 3 ? bitsOf(word, window.stepBytes, step + 3, lane >> 3, mask) : 0;
        countQuad(header, a & ~b, b & ~a, a & b, ~(a | b) & mask, c, d);
      }
      if (++block === window.blocks) block = 0;
    }
  }
  let end = <u32>rows;
  for (let g: usize = 0; g < 60; g += 4) {
    end += load<u32>(header + g) << 2;
    store<u32>(header + g, end);
  }
  store<u32>(header, end, 60);
}

/** Counts by pattern: which of the first two timesteps spike (`one`, `two`, `three`, `none`), and the last two, c and d. */
@inline
function countQuad(header: usize, one: u64, two: u64, three: u64, none: u64, c: u64, d: u64): void {
  const neither = ~(c | d);
  addCount(header, 1, one & neither);
  addCount(header, 2, two & neither);
  addCount(header, 3, three & neither);
  if ((c | d) === 0) return;
  const onlyC = c & ~d;
  addCount(header, 4, none & onlyC);
  addCount(header, 5, one & onlyC);
  addCount(header, 6, two & onlyC);
  addCount(header, 7, three & onlyC);
  const onlyD = d & ~c;
  addCount(header, 8, none & onlyD);
  addCount(header, 9, one & onlyD);
  addCount(header, 10, two & onlyD);
  addCount(header, 11, three & onlyD);
  const both = c & d;
  addCount(header, 12, none & both);
  addCount(header, 13, one & both);
  addCount(header, 14, two & both);
  addCount(header, 15, three & both);
}

@inline
function addCount(header: usize, pattern: usize, bits: u64): void {
  const at = header + (pattern - 1) * 4;
  store<u32>(at, load<u32>(at) + <u32>popcnt(bits));
}

/** Writes each row in front of those of its pattern; the header then holds where the patterns begin. */
function placeRows(window: SpikeWindow, plane: i32, top: i32, left: i32, step: u32, header: usize): void {
  const steps = window.steps - step;
  const kyTo = window.end(top, window.height);
  const kxFrom = max(0, -left);
  const kxTo = window.end(left, window.width);
  for (let ky = max(0, -top); ky < kyTo; ky++) {
    let word = window.at(top + ky, left + kxFrom) + plane * window.planeBytes;
    for (let kx = kxFrom; kx < kxTo; kx++) {
      const tap = (ky * window.kernel + kx) * window.channels;
      for (let block = 0; block < window.blocks; block++, word += window.wordBytes) {
        for (let lane: u32 = 0; lane < window.lanes; lane += 64) {
          const mask = laneMask(window, block, lane);
          const a = bitsOf(word, window.stepBytes, step, lane >> 3, mask);
          const b = steps > 1 ? bitsOf(word, window.stepBytes, step + 1, lane >> 3, mask) : 0;
          const c = steps > 2 ? bitsOf(word, window.stepBytes, step + 2, lane >> 3, mask) : 0;
          const d = steps > 3 ? bitsOf(word, window.stepBytes, step + 3, lane >> 3, mask) : 0;
          const first = tap + block * window.lanes + lane;
          for (let or = a | b | c | d; or !== 0; or &= or - 1) {
            const bit = ctz(or);
            const pattern =
              <usize>((a >> bit) & 1) |
              ((<usize>(b >> bit) & 1) << 1) |
              ((<usize>(c >> bit) & 1) << 2) |
              ((<usize>(d >> bit) & 1) << 3);
            const cursor = header + (pattern << 2) - 4;
            const to = load<u32>(cursor) - 4;
            store<u32>(cursor, to);
            store<u32>(to, first + <u32>bit);
          }
        }
      }
    }
  }
}
