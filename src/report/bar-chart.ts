/** Grouped bars as one HTML file that needs nothing beside it: SVG, no script, no network. It is well-formed XML, too. */

export interface BarChart {
  readonly title: string;
  /** Sentences below the title. */
  readonly notes: readonly string[];
  /** One bar each in every group, in this order. */
  readonly series: readonly string[];
  /** What the groups differ in. */
  readonly axis: string;
  /** What the bars are as long as. */
  readonly quantity: string;
  /** All panels have the same scale. */
  readonly panels: readonly Panel[];
  /** A value as people read it, unit included. */
  readonly format: (value: number) => string;
}

export interface Panel {
  readonly title: string;
  readonly groups: readonly Group[];
}

export interface Group {
  readonly label: string;
  /** One of each series, at least 0. */
  readonly values: readonly number[];
}

/** Okabe and Ito's colours, which people tell apart whatever colours they see; black is left to text. */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"] as const;

/** Pixels. Values stand upright above their bars, hence the room at the top. */
const BAR = 18;
const GAP = 28;
const LETTER = 7;
const PLOT_HEIGHT = 240;
const MARGIN = { left: 80, right: 12, top: 76, bottom: 44 };
/** Lines that the scale has at most. */
const TICKS = 6;

export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

/** Round values from 0 to the first that is not below `largest`, which is 0 or no denormal number. */
export function ticksUpTo(largest: number): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(largest / (TICKS - 1)));
  // The last one is for logarithms that were rounded down.
  const step = [1, 2, 5, 10, 20].map((digit) => digit * power).find((size) => size * (TICKS - 1) >= largest) ?? largest;
  const ticks = [0];
  for (let i = 1; ticks[ticks.length - 1]! < largest; i++) ticks.push(i * step);
  return ticks;
}

function text(x: number, y: number, what: string, attributes = ""): string {
  return `<text x="${x}" y="${y}"${attributes === "" ? "" : ` ${attributes}`}>${escapeXml(what)}</text>`;
}

function panelSvg({ groups }: Panel, chart: BarChart, ticks: readonly number[]): string {
  const { series, axis, quantity, format } = chart;
  const groupWidth = Math.max(series.length * BAR, ...groups.map(({ label }) => label.length * LETTER)) + GAP;
  const plotWidth = groups.length * groupWidth;
  const bottom = MARGIN.top + PLOT_HEIGHT;
  const top = ticks[ticks.length - 1]!;
  const heightOf = (value: number): number => (top === 0 ? 0 : (value / top) * PLOT_HEIGHT);
  const right = MARGIN.left + plotWidth;

  const scale = ticks.map((tick) => {
    const y = (bottom - heightOf(tick)).toFixed(1);
    const line = `<line class="grid" x1="${MARGIN.left}" y1="${y}" x2="${right}" y2="${y}"/>`;
    return line + text(MARGIN.left - 6, Number(y) + 4, format(tick), 'text-anchor="end"');
  });
  const bars = groups.flatMap(({ label, values }, g) => {
    const middle = MARGIN.left + (g + 0.5) * groupWidth;
    const first = middle - (series.length * BAR) / 2;
    const drawn = values.map((value, s) => {
      const x = first + s * BAR;
      const height = heightOf(value);
      const colour = COLOURS[s % COLOURS.length]!;
      const y = (bottom - height).toFixed(1);
      const spoken = escapeXml(`${series[s] ?? ""}, ${axis} ${label}: ${format(value)}`);
      const at = `x="${x + 1}" y="${y}" width="${BAR - 2}" height="${height.toFixed(1)}"`;
      const turned = `class="value" transform="rotate(-90 ${x + BAR / 2 + 4} ${Number(y) - 4})"`;
      return (
        `<rect class="bar" data-value="${value}" ${at} fill="${colour}"><title>${spoken}</title></rect>` +
        text(x + BAR / 2 + 4, Number(y) - 4, format(value), turned)
      );
    });
    return [...drawn, text(middle, bottom + 16, label, 'text-anchor="middle"')];
  });
  const name = text((MARGIN.left + right) / 2, bottom + 36, axis, 'text-anchor="middle" class="name"');
  const up = `text-anchor="middle" class="name" transform="rotate(-90 14 ${bottom - PLOT_HEIGHT / 2})"`;
  const size = `width="${right + MARGIN.right}" height="${bottom + MARGIN.bottom}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" ${size}>`,
    ...scale,
    ...bars,
    name,
    text(14, bottom - PLOT_HEIGHT / 2, quantity, up),
    "</svg>",
  ].join("\n");
}

function legend({ series }: BarChart): string {
  const entries = series.map((name, s) => {
    const colour = COLOURS[s % COLOURS.length]!;
    return `<li><span class="swatch" style="background:${colour}"></span>${escapeXml(name)}</li>`;
  });
  return `<ul class="legend">${entries.join("")}</ul>`;
}

const STYLE = `
body { font: 14px/1.4 system-ui, sans-serif; margin: 24px; color: #222; background: #fff; }
h1 { font-size: 18px; }
p { margin: 4px 0; max-width: 70em; }
.legend { display: flex; flex-wrap: wrap; gap: 16px; list-style: none; padding: 0; }
.swatch { display: inline-block; width: 12px; height: 12px; margin-right: 6px; }
.panels { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 0; overflow-x: auto; }
figcaption { font-weight: 600; }
svg text { font: 12px system-ui, sans-serif; fill: #222; }
svg .value { font-size: 10px; }
svg .name { font-style: italic; }
svg .grid { stroke: #ddd; }
`;

/** The whole file. */
export function barChartHtml(chart: BarChart): string {
  const { title, notes, panels } = chart;
  const values = panels.flatMap(({ groups }) => groups.flatMap((group) => group.values));
  const ticks = ticksUpTo(values.reduce((a, b) => Math.max(a, b), 0));
  const figures = panels.map((panel) => {
    const caption = panel.title === "" ? "" : `<figcaption>${escapeXml(panel.title)}</figcaption>\n`;
    return `<figure>\n${caption}${panelSvg(panel, chart, ticks)}\n</figure>`;
  });
  return `<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeXml(title)}</h1>
${notes.map((note) => `<p>${escapeXml(note)}</p>`).join("\n")}
${legend(chart)}
<div class="panels">
${figures.join("\n")}
</div>
</body>
</html>
`;
}
