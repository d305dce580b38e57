/* A text: paragraphs of runs, with tones instead of colours. */

import { Child, h, replace } from "../view";
import { empty, Kind, said, tone } from "./kind";

function run(r: UiRun): HTMLElement {
  const cls = [tone(r.tone), r.mono ? "mono" : "", r.strong ? "strong" : ""].filter(Boolean).join(" ");
  return said(r.text, cls);
}

function paragraph(p: UiParagraph): HTMLElement {
  const runs = (p.runs ?? []).map(run);
  switch (p.style) {
  case "heading": return h("h3", null, runs);
  case "code": return h("pre", null, runs);
  case "quote": return h("p", { class: "quote" }, runs);
  case "caption": return h("p", { class: "caption" }, runs);
  default: return h("p", null, runs);
  }
}

export class TextKind extends Kind {
  draw(model: UiModel): void {
    const out: Child[] = [];
    let bullets: HTMLElement | null = null;
    for (const p of model.text?.paragraphs ?? []) {
      if (p.style === "bullet") {
        bullets = bullets ?? h("ul");
        bullets.append(h("li", null, (p.runs ?? []).map(run)));
        continue;
      }
      if (bullets)
        out.push(bullets);
      bullets = null;
      out.push(paragraph(p));
    }
    if (bullets)
      out.push(bullets);
    replace(this, out.length ? h("div", { class: "prose" }, out) : empty("Nothing is written here yet.", "item"));
  }
}
