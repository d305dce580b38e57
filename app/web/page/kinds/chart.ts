/* A chart, as a picture and as a table: the same numbers, and a person chooses. */

import { chart } from "../draw";
import * as format from "../format";
import { h, replace } from "../view";
import { empty, Kind, said, tone } from "./kind";

const ROWS = 200;

/* A picture of numbers that has a table beside it: for panes, and for the page's own. */
export class Picture {
  private asTable = false;
  readonly el = h("div", { class: "picture" });
  private room = h("div", { class: "room" });
  private legend = h("div", { class: "legend" });
  private model: UiChart | null = null;
  private watch = new ResizeObserver(() => this.paint());

  constructor(private name: string, private id: string) {
    this.watch.observe(this.room);
    replace(this.el, this.legend, this.room);
  }

  draw(m: UiChart): void {
    this.model = m;
    this.paint();
  }

  private sayX(x: number): string {
    return this.model?.time ? format.time(x) : format.big(x);
  }

  private mark(k: UiChart_Mark): string {
    const x = format.num(k.x);
    return `${k.label ?? ""} at ${this.model?.time ? format.moment(x) : format.big(x)}`;
  }

  private table(m: UiChart): HTMLElement {
    const xs = [...new Set((m.series ?? []).flatMap((s) => (s.x ?? []).map(format.num)))].sort((a, b) => b - a);
    return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${this.name}, as a table` },
      m.mark?.length ? h("ul", { class: "marks" }, m.mark.map((k) => h("li", { class: tone(k.tone) },
        this.mark(k)))) : null,
      h("table",
      null,
      h("thead", null, h("tr", null, h("th", { scope: "col" }, m.time ? "Time" : "x"),
        (m.series ?? []).map((s) => h("th", { scope: "col", class: "n" }, said(s.label || s.key))))),
      h("tbody", null, xs.slice(0, ROWS).map((x) => h("tr", null, h("td", { class: "num" }, this.sayX(x)),
        (m.series ?? []).map((s) => {
          const i = (s.x ?? []).findIndex((v) => format.num(v) === x);
          const y = i < 0 ? NaN : format.num(s.y?.[i]);
          return h("td", { class: "n num" }, Number.isFinite(y) ? format.unit(y, m.unit) : "–");
        }))))));
  }

  private paint(): void {
    const m = this.model;
    if (!m)
      return;
    const series = (m.series ?? []).map((s) => ({ label: s.label || s.key || "", tone: tone(s.tone),
                                                  x: (s.x ?? []).map(format.num), y: (s.y ?? []).map(format.num) }));
    const now = series.map((s) => {
      const y = s.y[s.y.length - 1], all = s.y.filter(Number.isFinite);
      const ends = [Math.min(...all), Math.max(...all)].map((v) => format.unit(v, m.unit));
      return { ...s, now: Number.isFinite(y) ? format.unit(y, m.unit) : "–",
               range: all.length ? ends.join(" to ") : "nothing yet" };
    });
    replace(this.legend, h("ul", null, now.map((s, k) =>
      h("li", null, h("span", { class: `swatch s${k} ${s.tone}` }), said(s.label), " ", h("b", { class: "num" },
        s.now)))),
    h("button", { class: "quiet", type: "button", id: `${this.id}-table`, "aria-pressed": this.asTable,
                  onclick: () => { this.asTable = !this.asTable; this.paint(); } }, "Table"));
    const points = series.reduce((n, s) => n + s.x.length, 0);
    if (!points)
      replace(this.room, empty("There are no points yet.", "chart"));
    else if (this.asTable)
      replace(this.room, this.table(m));
    else if (this.room.clientWidth > 60 && this.room.clientHeight > 40)
      replace(this.room, chart({
        style: m.style, series, marks: (m.mark ?? []).map((k) => ({ x: format.num(k.x), label: k.label ?? "",
                                                                    tone: tone(k.tone) })),
        width: this.room.clientWidth, height: this.room.clientHeight,
        label: `${this.name}: ${[...now.map((s) => `${s.label} now ${s.now} (${s.range}, ${s.y.length} points)`),
                                 ...(m.mark ?? []).map((k) => this.mark(k))].join(", ")}`,
        sayX: (x) => this.sayX(x), sayY: (y) => format.unit(y, m.unit),
      }));
  }
}

export class ChartKind extends Kind {
  private picture: Picture | null = null;

  draw(model: UiModel): void {
    if (!this.picture) {
      this.picture = new Picture(this.context.title, `p${this.context.surface}`);
      replace(this, this.picture.el);
    }
    if (model.chart)
      this.picture.draw(model.chart);
  }
}
