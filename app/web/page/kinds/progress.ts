/* Progress: steps, each with what has become of it. */

import { icon } from "../icons";
import * as format from "../format";
import { h, replace } from "../view";
import { called, empty, Kind, said } from "./kind";

const STATES: { [state: string]: string } = {
  waiting: "waiting", running: "under way", done: "done", failed: "failed", skipped: "skipped",
};

export class ProgressKind extends Kind {
  draw(model: UiModel): void {
    const steps = model.progress?.steps ?? [];
    replace(this, steps.length ? h("ol", { class: "steps", "aria-label": this.context.title }, steps.map((s, i) => {
      const part = format.num(s.fraction);
      const inner = s.state === "done" ? icon("check", 14) : s.state === "failed" ? icon("cross", 14)
        : h("span", { class: "num" }, i + 1);
      return h("li", { class: `step ${s.state}`, "aria-current": s.state === "running" ? "step" : null },
               h("span", { class: "dot", "aria-hidden": "true" }, inner),
               h("span", { class: "main" }, called(s.title, s.key, "title"),
                 h("span", { class: s.state === "running" || s.state === "failed" ? "state" : "unseen" },
                   STATES[s.state]),
                 s.detail ? said(s.detail, "detail") : null,
                 s.state === "running" && part >= 0
                   ? h("span", { class: "part num" }, h("meter", { min: 0, max: 1, value: part,
                                                                   "aria-label": `${s.title || s.key || ""}, done` }),
                       format.unit(part, "percent")) : null));
    })) : empty("No step has been named yet.", "clock"));
  }
}
