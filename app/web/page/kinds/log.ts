/* A log: lines are added at the end, and old ones go, without the rest being drawn anew. What is new is read out, at
 * most one line a second: more than that nobody can listen to. */

import * as format from "../format";
import { h, replace } from "../view";
import { empty, follow, Kind, said, stands, toEnd, tone } from "./kind";

const SPEAK_MS = 1000;

function line(l: UiLogLine, before: UiLogLine | undefined): HTMLElement {
  const at = format.num(l.atMs);
  const missing = before ? format.num(l.sequence) - format.num(before.sequence) - 1 : 0;
  return h("li", { class: `line ${tone(l.level)}` },
           h("time", { class: "num", datetime: at ? new Date(at).toISOString() : null }, format.time(at)),
           l.source ? said(l.source, "source") : null,
           h("span", { class: "words" }, missing > 0 ? h("span", { class: "gap" }, `(${missing} missing)`) : null,
             said(l.text), (l.attributes ?? []).map((a) =>
             h("span", { class: "pair" }, said(a.name, "name"), " ", said(format.value(a.value), "mono")))));
}

export class LogKind extends Kind {
  private list = h("ol", { class: "lines" });
  private spoken = h("p", { class: "unseen", "aria-live": "polite" });
  private last = 0;
  private nothing = empty("No line has been written yet.", "list");
  private again = stands(this.list);

  connectedCallback(): void { this.again(); }

  draw(model: UiModel, change: WebDown_Change | null): void {
    const lines = model.log?.lines ?? [];
    this.nothing.hidden = lines.length > 0;
    this.list.hidden = lines.length === 0;
    this.list.classList.toggle("sources", lines.some((l) => l.source));
    if (!this.list.isConnected || !change || change.replaced?.length || change.removed?.length) {
      replace(this, this.spoken, this.list, this.nothing);
      replace(this.list, lines.map((l, i) => line(l, lines[i - 1])));
      this.list.tabIndex = 0;
      this.list.setAttribute("aria-label", this.context.title);
      toEnd(this.list);
    } else {
      follow(this.list, () => {
        for (let i = 0; i < change.dropped && this.list.firstChild; i++)
          this.list.firstChild.remove();
        this.list.firstElementChild?.querySelector(".gap")?.remove();   /* nothing is before it any more */
        const from = lines.length - change.appended;
        const fresh = change.appended ? lines.slice(-change.appended) : [];
        this.list.append(...fresh.map((l, i) => line(l, lines[from + i - 1])));
        if (fresh.length && performance.now() - this.last > SPEAK_MS) {
          this.last = performance.now();
          this.spoken.textContent = fresh[fresh.length - 1].text ?? "";
        }
      });
    }
  }
}
