/* A list: items with a symbol, a badge and commands of their own. */

import { h, replace } from "../view";
import { buttons, called, Choice, empty, Kind, said, symbol, tone } from "./kind";

export class ListKind extends Kind {
  private choice: Choice | null = null;
  private model: UiModel = {};

  draw(model: UiModel): void {
    const list = model.list;
    const items = list?.items ?? [];
    this.model = model;
    this.choice = this.choice ?? new Choice(this.context);
    this.choice.among(list?.selectable, new Set(items.map((i) => i.key ?? "")));
    replace(this, items.length ? h("ul", { class: "items", "aria-label": this.context.title }, items.map((i) =>
      h("li", { class: tone(i.tone) },
        this.choice?.input(i.key ?? "", i.title || i.key || ""),
        symbol(i.icon),
        h("span", { class: "main" }, called(i.title, i.key, "title"), i.detail ? said(i.detail, "detail") : null),
        i.badge ? said(i.badge, "badge num") : null,
        buttons(this.context, i.commands, i.key ?? ""))))
      : empty("There is nothing in this list.", "list"));
  }

  recommand(): void { this.draw(this.model); }
}
