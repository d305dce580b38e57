/* A tree: one row is in the order of Tab, arrows go on from there, as screen readers expect of a tree. */

import { icon } from "../icons";
import { Child, h, replace, vars } from "../view";
import { buttons, called, empty, Kind, said, symbol, tone } from "./kind";

export class TreeKind extends Kind {
  private open = new Map<string, boolean>();
  private at = "";
  private model: UiModel = {};

  private below(parent: string): UiNode[] {
    return (this.model.tree?.nodes ?? []).filter((n) => (n.parent ?? "") === parent);
  }

  private isOpen(n: UiNode): boolean {
    return this.open.get(n.key ?? "") ?? n.open;
  }

  private turn(n: UiNode, on: boolean): void {
    this.open.set(n.key ?? "", on);
    this.draw(this.model);
    this.go(n.key ?? "");
  }

  private go(key: string): void {
    this.at = key;
    const rows = [...this.querySelectorAll<HTMLElement>("[role=treeitem]")];
    for (const r of rows)
      r.tabIndex = r.dataset.key === key ? 0 : -1;
    rows.find((r) => r.dataset.key === key)?.focus();
  }

  private key(e: KeyboardEvent, n: UiNode, kids: number): void {
    if (e.target !== e.currentTarget)
      return;
    const rows = [...this.querySelectorAll<HTMLElement>("[role=treeitem]")];
    const at = rows.indexOf(e.currentTarget as HTMLElement);
    const to = (i: number): void => this.go(rows[Math.max(0, Math.min(rows.length - 1, i))].dataset.key ?? "");
    const open = this.isOpen(n);
    const act: { [key: string]: () => void } = {
      ArrowDown: () => to(at + 1),
      ArrowUp: () => to(at - 1),
      Home: () => to(0),
      End: () => to(rows.length - 1),
      ArrowRight: () => (kids && !open ? this.turn(n, true) : kids ? to(at + 1) : undefined),
      ArrowLeft: () => (kids && open ? this.turn(n, false) : n.parent ? this.go(n.parent) : undefined),
      Enter: () => (kids ? this.turn(n, !open) : undefined),
      " ": () => (kids ? this.turn(n, !open) : undefined),
    };
    if (act[e.key]) {
      e.preventDefault();
      act[e.key]();
    }
  }

  private rows(parent: string, level: number, out: Child[]): void {
    for (const n of this.below(parent)) {
      const kids = this.below(n.key ?? "").length;
      const open = this.isOpen(n);
      const row = h("div", {
        role: "treeitem", class: `node ${tone(n.tone)}`, "aria-level": level, "aria-expanded": kids ? open : null,
        tabindex: (n.key ?? "") === this.at ? 0 : -1, "data-key": n.key ?? "",
          id: `p${this.context.surface}-n-${n.key}`,
        onkeydown: (e: KeyboardEvent) => this.key(e, n, kids),
        onclick: (e: Event) => (e.target as Element).closest("button") ? undefined
          : kids ? this.turn(n, !open) : this.go(n.key ?? ""),
      }, kids ? icon(open ? "down" : "right") : h("span", { class: "leaf" }), symbol(n.icon),
      h("span", { class: "main" }, called(n.title, n.key, "title"), n.detail ? [" ", said(n.detail, "detail")] : null),
      buttons(this.context, n.commands, n.key ?? ""));
      vars(row, { level });
      out.push(row);
      if (kids && open)
        this.rows(n.key ?? "", level + 1, out);
    }
  }

  draw(model: UiModel): void {
    const out: Child[] = [];
    this.model = model;
    if (!(model.tree?.nodes ?? []).some((n) => n.key === this.at))
      this.at = this.below("")[0]?.key ?? "";
    this.rows("", 1, out);
    replace(this, out.length ? h("div", { role: "tree", class: "tree", "aria-label": this.context.title }, out)
      : empty("Nothing grows here yet.", "project"));
  }

  recommand(): void { this.draw(this.model); }
}
