/* Drawings: a small curve, a ring, a chart. Numbers in, elements of SVG out; colours are the style sheet's, by class.
 * A drawing has its numbers in words beside it (a title, a table), or says itself that it is decoration. */

import { svg } from "./view";

export function sparkline(points: number[]): SVGElement {
  const low = Math.min(...points), high = Math.max(...points);
  const at = (v: number): number => 22 - ((v - low) / (high - low || 1)) * 20;
  const d = points.map((v, i) => `${i ? "L" : "M"}${((i / Math.max(1, points.length - 1)) * 100).toFixed(1)} ` +
                                 `${at(v).toFixed(1)}`).join("");
  return svg("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" },
             svg("path", { d: `${d}L100 24L0 24Z`, class: "area" }),
             svg("path", { d, class: "curve", fill: "none", "vector-effect": "non-scaling-stroke" }));
}

/* A ring that is so full, 0 to 1. */
export function ring(part: number, size: number, width: number): SVGElement {
  const r = (size - width) / 2, all = 2 * Math.PI * r;
  const c = { cx: size / 2, cy: size / 2, r, fill: "none", "stroke-width": width };
  const p = Math.max(0, Math.min(1, part));
  return svg("svg", { class: `ring ${p < 0.1 ? "low" : ""}`, width: size, height: size, viewBox: `0 0 ${size} ${size}`,
                      "aria-hidden": "true" },
             svg("circle", { ...c, class: "track" }),
             p > 0 && svg("circle", { ...c, class: "part", "stroke-linecap": "round",
                             "stroke-dasharray": `${(p * all).toFixed(2)} ${all.toFixed(2)}`,
                             transform: `rotate(-90 ${size / 2} ${size / 2})` }));
}

export interface Series { label: string; tone: string; x: number[]; y: number[] }
export interface Mark { x: number; label: string; tone: string }
export interface Chart {
  style: "line" | "area" | "bars" | "steps"; series: Series[]; marks: Mark[];
  width: number; height: number; label: string;
  sayX: (x: number) => string; sayY: (y: number) => string;
}

/* Round numbers from low to high: at most about n. */
export function ticks(low: number, high: number, n: number): number[] {
  const rough = (high - low) / Math.max(1, n) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? power;
  const out: number[] = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6 && out.length < 20; v += step)
    out.push(Number(v.toPrecision(12)));
  return out;
}

function path(c: Chart, s: Series, px: (x: number) => number, py: (y: number) => number): string {
  let d = "", pen = false, before = 0;
  s.x.forEach((x, i) => {
    const y = s.y[i];
    if (!Number.isFinite(y)) {
      pen = false;
      return;
    }
    const at = `${px(x).toFixed(1)} ${py(y).toFixed(1)}`;
    if (pen && c.style === "steps")
      d += `L${px(x).toFixed(1)} ${py(before).toFixed(1)}`;
    d += `${pen ? "L" : "M"}${at}`;
    pen = true;
    before = y;
  });
  return d;
}

function bars(c: Chart, s: Series, k: number, px: (x: number) => number, py: (y: number) => number): SVGElement[] {
  const gap = s.x.length > 1 ? Math.abs(px(s.x[1]) - px(s.x[0])) : 40;
  const wide = Math.max(1, (gap * 0.72) / c.series.length);
  return s.x.filter((_, i) => Number.isFinite(s.y[i])).map((x) => {
    const top = py(s.y[s.x.indexOf(x)]);
    return svg("rect", { class: "bar", x: (px(x) - gap * 0.36 + k * wide).toFixed(1), y: top.toFixed(1),
                         width: wide.toFixed(1), height: Math.max(0, py(0) - top).toFixed(1), rx: 1.5 });
  });
}

function drawn(c: Chart, px: (x: number) => number, py: (y: number) => number, floor: number): SVGElement[] {
  return c.series.map((s, k) => {
    if (c.style === "bars")
      return svg("g", { class: `series s${k} ${s.tone}` }, bars(c, s, k, px, py));
    const d = path(c, s, px, py);
    const parts = c.style === "area" && s.x.length > 1 && !s.y.some((y) => !Number.isFinite(y))
      ? [svg("path", { class: "area",
        d: `${d}L${px(s.x[s.x.length - 1]).toFixed(1)} ${floor}L${px(s.x[0]).toFixed(1)} ` +
                                         `${floor}Z` })] : [];
    return svg("g", { class: `series s${k} ${s.tone}` }, parts, svg("path", { class: "curve", d, fill: "none" }));
  });
}

/* A chart with its axes, as large as it is told: texts in it are as large as other texts. */
export function chart(c: Chart): SVGElement {
  const left = 46, right = 12, top = 10, bottom = 22;
  const xs = c.series.flatMap((s) => s.x), ys = c.series.flatMap((s) => s.y).filter(Number.isFinite);
  let lowX = Math.min(...xs), highX = Math.max(...xs);
  const pad = c.style === "bars" ? (highX - lowX || 1) / Math.max(1, (c.series[0]?.x.length ?? 2) - 1) / 2 : 0;
  lowX -= pad;
  highX += pad;
  const low = Math.min(0, ...ys), peak = Math.max(low, ...ys), most = peak > low ? peak : low + 1;
  const grid = ticks(low, most, Math.max(2, Math.floor((c.height - top - bottom) / 42)));
  const high = Math.max(most, grid[grid.length - 1] ?? most);
  const floor = c.height - bottom;
  const px = (x: number): number => left + ((x - lowX) / (highX - lowX || 1)) * (c.width - left - right);
  const py = (y: number): number => floor - ((y - low) / (high - low || 1)) * (floor - top);
  const across = Math.max(2, Math.floor((c.width - left) / 110));
  const labels = Array.from({ length: across + 1 }, (_, i) => lowX + pad + ((highX - lowX - 2 * pad) * i) / across);
  return svg("svg", { class: "chart", role: "img", "aria-label": c.label, width: c.width, height: c.height,
                      viewBox: `0 0 ${c.width} ${c.height}` },
    grid.map((v) => svg("g", { class: "axis" },
      svg("line", { x1: left, x2: c.width - right, y1: py(v).toFixed(1), y2: py(v).toFixed(1) }),
      svg("text", { x: left - 6, y: (py(v) + 4).toFixed(1), "text-anchor": "end" }, c.sayY(v)))),
    labels.map((x, i) => svg("g", { class: "axis" },
      svg("text", { x: px(x).toFixed(1), y: c.height - 6,
                    "text-anchor": i === 0 ? "start" : i === across ? "end" : "middle" }, c.sayX(x)))),
    drawn(c, px, py, floor),
    c.marks.filter((m) => m.x >= lowX && m.x <= highX).map((m) => svg("g", { class: `mark ${m.tone}` },
      svg("line", { x1: px(m.x).toFixed(1), x2: px(m.x).toFixed(1), y1: top, y2: floor }),
      svg("text", { x: (px(m.x) + (px(m.x) > c.width - 90 ? -4 : 4)).toFixed(1), y: top + 10,
                    "text-anchor": px(m.x) > c.width - 90 ? "end" : "start" }, m.label))));
}
