/* Counters: numbers that may run on by themselves between two words of the service, once a second. */

import * as format from "../format";
import { sparkline } from "../draw";
import { h, replace } from "../view";
import { called, empty, Kind, tone } from "./kind";

export class CountersKind extends Kind {
  private counters: UiCounter[] = [];
  private since = 0;
  private timer = 0;

  private text(c: UiCounter): string {
    const ran = format.num(c.perSecond) * (Date.now() - this.since) / 1000;
    const on = format.num(c.value) < 0 ? ran : Math.max(-format.num(c.value), ran);   /* what runs out is gone */
    const u = c.unit === "plain" && !Number.isInteger(format.num(c.value)) ? "plain" : c.unit;
    const n = format.num(c.value) + on;
    return format.unit(Number.isInteger(format.num(c.value)) ? Math.floor(n) : n, u);
  }

  private one(c: UiCounter): HTMLElement {
    const rate = format.num(c.perSecond), goal = format.num(c.goal);
    const value = h("strong", { class: `num ${tone(c.tone)}` }, this.text(c));
    return h("div", { class: "counter" },
             h("dt", null, called(c.label, c.key)),
             h("dd", null, value,
               rate ? h("span", { class: `num rate ${rate > 0 ? "tone-good" : "tone-warning"}` },
                        `${rate > 0 ? "+" : "−"}${format.big(Math.abs(rate))} per second`) : null,
               goal ? h("span", { class: "of num" }, h("meter", { min: 0, max: goal, value: format.num(c.value),
                                                                  "aria-label": `${c.label || c.key || ""}, goal` }),
                        `of ${format.unit(goal, c.unit)}`) : null,
               c.recent?.length ? sparkline(c.recent.map(format.num)) : null));
  }

  draw(model: UiModel): void {
    this.counters = model.counters?.counters ?? [];
    this.since = Date.now();
    replace(this, this.counters.length ? h("dl", { class: "counters" }, this.counters.map((c) => this.one(c)))
      : empty("Nothing is counted yet.", "gauge"));
  }

  connectedCallback(): void {
    this.timer = window.setInterval(() => {
      const shown = this.querySelectorAll("strong");
      this.counters.forEach((c, i) => {
        if (format.num(c.perSecond) && shown[i])
          shown[i].textContent = this.text(c);
      });
    }, 1000);
  }

  disconnectedCallback(): void { clearInterval(this.timer); }
}
