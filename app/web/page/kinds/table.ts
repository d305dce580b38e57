/* A table, as one. */

import * as format from "../format";
import { h, replace } from "../view";
import { buttons, Choice, empty, Kind, said, tone } from "./kind";

export class TableKind extends Kind {
  private choice: Choice | null = null;
  private model: UiModel = {};

  draw(model: UiModel): void {
    const t = model.table;
    const columns = t?.columns ?? [], rows = t?.rows ?? [];
    const picks = (t?.selectable ?? "no") !== "no";
    const acts = rows.some((r) => r.commands?.length);
    this.model = model;
    this.choice = this.choice ?? new Choice(this.context);
    this.choice.among(t?.selectable, new Set(rows.map((r) => r.key ?? "")));
    if (!rows.length) {
      replace(this, empty("This table has no rows yet.", "grid"));
      return;
    }
    const name = (r: UiRow): string => format.value(r.cells?.[0]);
    replace(this, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": this.context.title },
      h("table",
      null,
      h("thead", null, h("tr", null,
        picks ? h("th", { scope: "col" }, h("span", { class: "unseen" }, "Chosen")) : null,
        columns.map((c) => h("th", { scope: "col", class: c.numeric ? "n" : null }, said(c.title))),
        acts ? h("th", { scope: "col" }, h("span", { class: "unseen" }, "Commands")) : null)),
      h("tbody", null, rows.map((r) => h("tr", { class: tone(r.tone) },
        picks ? h("td", null, this.choice?.input(r.key ?? "", name(r))) : null,
        columns.map((c, i) => h("td", { class: c.numeric ? "n num" : null }, said(format.value(r.cells?.[i], c.unit)))),
        acts ? h("td", { class: "n" }, buttons(this.context, r.commands, r.key ?? "")) : null))))));
  }

  recommand(): void { this.draw(this.model); }
}
