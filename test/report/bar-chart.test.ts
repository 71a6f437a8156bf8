import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { barChartHtml, ticksUpTo, type BarChart } from "../../src/report/bar-chart.js";
import { elementsOf, readXml, textOf, type Element } from "../support/xml.js";

const label = fc.string({ unit: fc.constantFrom(..."aZ1 µ×漢😀<>&\"';=/-]["), maxLength: 12 });
const hostile = fc.oneof(label, fc.constantFrom("<script>alert(1)</script>", 'a"b', "a&amp;b", "</svg>", "]]>"));

const chart: fc.Arbitrary<BarChart> = fc
  .record({ series: fc.array(hostile, { minLength: 1, maxLength: 7 }), groups: fc.nat(4), panels: fc.nat(3) })
  .chain(({ series, groups, panels }) => {
    const joules = fc.oneof(fc.constant(0), fc.double({ min: 1e-15, max: 1e-3, noNaN: true }));
    const values = fc.array(joules, {
      minLength: series.length,
      maxLength: series.length,
    });
    const group = fc.record({ label: hostile, values });
    const panel = fc.record({ title: hostile, groups: fc.array(group, { minLength: groups, maxLength: groups }) });
    return fc.record({
      title: hostile,
      notes: fc.array(hostile, { maxLength: 3 }),
      series: fc.constant(series),
      axis: hostile,
      quantity: hostile,
      panels: fc.array(panel, { minLength: panels, maxLength: panels }),
      format: fc.constant((value: number) => `${value} <J>`),
    });
  });

const named = (elements: readonly Element[], name: string): readonly Element[] =>
  elements.filter((element) => element.name === name);
const bars = (elements: readonly Element[]): readonly Element[] =>
  elements.filter(({ attributes }) => attributes.get("class") === "bar");
const number = ({ attributes }: Element, name: string): number => Number(attributes.get(name));

describe("a bar chart", () => {
  it("is well-formed, shows every value, and says labels as they are", () => {
    fc.assert(
      fc.property(chart, (given) => {
        const elements = elementsOf(readXml(barChartHtml(given)));
        const values = given.panels.flatMap(({ groups }) => groups.flatMap((group) => group.values));
        expect(bars(elements).map((bar) => number(bar, "data-value"))).toEqual(values);
        expect(named(elements, "script")).toEqual([]);
        expect(named(elements, "svg")).toHaveLength(given.panels.length);
        const [heading] = named(elements, "h1");
        expect(textOf(heading!)).toBe(given.title);
        expect(named(elements, "li").map(textOf)).toEqual([...given.series]);
        const spoken = bars(elements).map(textOf);
        const expected = given.panels.flatMap(({ groups }) =>
          groups.flatMap((group) =>
            group.values.map((v, s) => `${given.series[s]}, ${given.axis} ${group.label}: ${v} <J>`),
          ),
        );
        expect(spoken).toEqual(expected);
      }),
    );
  });

  it("asks nothing of a network", () => {
    fc.assert(
      fc.property(chart, (given) => {
        for (const { name, attributes } of elementsOf(readXml(barChartHtml(given)))) {
          expect(["script", "link", "img", "iframe", "image", "use"]).not.toContain(name);
          expect(["src", "href", "xlink:href"].filter((attribute) => attributes.has(attribute))).toEqual([]);
        }
      }),
    );
  });

  it("draws bars as long as their values, on one scale in all panels, inside the picture", () => {
    fc.assert(
      fc.property(chart, (given) => {
        const drawn = named(elementsOf(readXml(barChartHtml(given))), "svg").map((svg) => ({
          height: number(svg, "height"),
          bars: bars(elementsOf(svg)),
        }));
        const longest = drawn
          .flatMap((panel) => panel.bars)
          .reduce((a, b) => (number(b, "data-value") > number(a, "data-value") ? b : a), drawn[0]?.bars[0] as Element);
        for (const { height, bars: mine } of drawn) {
          for (const bar of mine) {
            const share = number(bar, "data-value") / (number(longest, "data-value") || 1);
            // Pixels are printed with one decimal.
            expect(Math.abs(number(bar, "height") - share * number(longest, "height"))).toBeLessThan(0.11);
            expect(number(bar, "y")).toBeGreaterThanOrEqual(0);
            expect(number(bar, "y") + number(bar, "height")).toBeLessThanOrEqual(height);
          }
        }
      }),
    );
  });
});

describe("ticks", () => {
  it("start at 0, are evenly spaced, few, and end at the first that is not below the largest value", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-15, max: 1e6, noNaN: true }), (largest) => {
        const ticks = ticksUpTo(largest);
        const [zero, step = NaN] = ticks;
        expect(zero).toBe(0);
        expect(ticks.length).toBeGreaterThanOrEqual(3);
        expect(ticks.length).toBeLessThanOrEqual(6);
        for (const [i, tick] of ticks.entries()) expect(tick).toBe(i * step);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(largest);
        expect(ticks.at(-2)).toBeLessThan(largest);
      }),
    );
    expect(ticksUpTo(0)).toEqual([0]);
    expect(ticksUpTo(1.7)).toEqual([0, 0.5, 1, 1.5, 2]);
  });
});

describe("the reader of this test", () => {
  it.each([
    "<a>",
    "<a></b>",
    "<a b></a>",
    '<a b="1" b="2"/>',
    "<a>&nbsp;</a>",
    "<a/><b/>",
    "<a>1 < 2</a>",
    "<a>x</a>y",
  ])("refuses %j", (source) => {
    expect(() => readXml(source)).toThrow();
  });
});
