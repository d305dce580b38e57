/* A map: places of a legend in a grid, paths, and markers; or the same as a list, for who cannot see it or has no
 * room. */

import { icon } from "../icons";
import { Child, h, replace, svg } from "../view";
import { buttons, called, empty, Kind, said, symbol, tone } from "./kind";

const WIDE = 64, HIGH = 40, LABEL = 14;  /* of a cell, so that a name has room below a marker */

/* As much of a name as has room beside others; all of it is in the title, and in the list. */
function short(text: string | undefined): string {
  const all = [...text ?? ""];
  return all.length > LABEL ? `${all.slice(0, LABEL - 1).join("")}…` : all.join("");
}

export class MapKind extends Kind {
  private asList = false;
  private model: UiModel = {};

  private tile(m: UiMap, x: number, y: number): UiTile | undefined {
    const cells = (m.cells ?? []) as unknown as number[];
    return m.tiles?.[cells[y * m.width + x] ?? -1];
  }

  private picture(m: UiMap): SVGElement {
    const out: Child[] = [];
    const px = (n: number): number => n * WIDE + WIDE / 2, py = (n: number): number => n * HIGH + HIGH / 2;
    for (let y = 0; y < m.height; y++)
      for (let x = 0; x < m.width; x++) {
        const t = this.tile(m, x, y);
        if (!t || (!t.label && !(t.glyph ?? "").trim()))
          continue;
        out.push(svg("g", { class: `cell ${tone(t.tone)}` },
          svg("rect", { x: x * WIDE + 1, y: y * HIGH + 1, width: WIDE - 2, height: HIGH - 2, rx: 5 }),
          svg("text", { x: px(x), y: py(y) + 4.5, "text-anchor": "middle" }, t.glyph)));
      }
    for (const p of m.paths ?? [])
      out.push(svg("line", { class: `path ${tone(p.tone)}`, x1: px(p.fromX), y1: py(p.fromY), x2: px(p.toX),
                             y2: py(p.toY) }));
    for (const k of m.markers ?? [])
      out.push(svg("g", { class: `marker ${k.here ? "here" : ""} ${tone(k.tone)}` },
        svg("circle", { cx: px(k.x), cy: py(k.y), r: 7.5 }),
        k.here ? svg("circle", { class: "halo", cx: px(k.x), cy: py(k.y), r: 10, fill: "none" }) : null,
        k.icon && k.icon !== "none" ? svg("g", { transform: `translate(${px(k.x) - 4.5} ${py(k.y) - 4.5})` },
          icon(k.icon, 9)) : null,
        svg("text", { class: "label", x: px(k.x), y: py(k.y) + 16, "text-anchor": "middle" }, short(k.label)),
        svg("title", null, k.label)));
    return svg("svg", { class: "map", role: "img", viewBox: `0 0 ${m.width * WIDE} ${m.height * HIGH}`,
                        "aria-label": this.words(m) }, out);
  }

  private words(m: UiMap): string {
    const here = (m.markers ?? []).find((k) => k.here);
    const at = here ? `; here: ${here.label ?? ""}, ${this.tile(m, here.x, here.y)?.label ?? ""}` : "";
    return `${this.context.title}, ${m.width} by ${m.height}, ${(m.markers ?? []).length} markers${at}`;
  }

  private legend(m: UiMap): HTMLElement {
    const cells = new Set((m.cells ?? []) as unknown as number[]);
    return h("ul", { class: "legend-list" }, (m.tiles ?? []).filter((t, i) => cells.has(i) && t.label).map((t) =>
      h("li", null, h("span", { class: `glyph ${tone(t.tone)}`, "aria-hidden": "true" }, t.glyph || " "),
        said(t.label))));
  }

  private list(m: UiMap): HTMLElement {
    const at = (x: number, y: number): string => `column ${x + 1}, row ${y + 1}`;
    const ways = (m.paths ?? []).map((p) => h("li", { class: tone(p.tone) },
      h("span", { class: "main detail" }, `way from ${at(p.fromX, p.fromY)} to ${at(p.toX, p.toY)}`)));
    return h("ul", { class: "items" }, [...(m.markers ?? []).map((k) =>
      h("li", { class: tone(k.tone) }, symbol(k.icon),
        h("span", { class: "main" }, called(k.label, k.key, "title"),
          h("span", { class: "detail" }, this.tile(m, k.x, k.y)?.label
            ? [said(this.tile(m, k.x, k.y)?.label), ", "] : null, at(k.x, k.y))),
        k.here ? h("span", { class: "badge" }, "you are here") : null,
        buttons(this.context, k.commands, k.key ?? ""))), ...ways]);
  }

  draw(model: UiModel): void {
    const m = model.map;
    this.model = model;
    if (!m || !m.width || !m.height) {
      replace(this, empty("Nothing has been mapped yet.", "place"));
      return;
    }
    const acts = (m.markers ?? []).filter((k) => k.commands?.length);
    replace(this,
      h("div", { class: "legend" }, this.legend(m), h("button", {
        class: "quiet", type: "button", "aria-pressed": this.asList, id: `p${this.context.surface}-list`,
        onclick: () => { this.asList = !this.asList; this.draw(this.model); } }, "List")),
      h("div", { class: "room" }, this.asList ? this.list(m) : this.picture(m)),
      !this.asList && acts.length ? h("div", { class: "map-acts" }, acts.map((k) =>
        h("span", null, called(k.label, k.key, "detail"), buttons(this.context, k.commands, k.key ?? "")))) : null);
  }

  recommand(): void { this.draw(this.model); }
}
