/* The transcript: every act and its answer, as records hold them: codes, names and sizes; never a secret, a parameter,
 * or what a personal pane shows. So there is nothing to be blacked out. */

import * as format from "../format";
import { host } from "../host";
import { icon } from "../icons";
import { said, tone } from "../kinds/kind";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";

const note = new Signal<string>("");
const BESIDE = 60;

function line(r: WebDown_Record): HTMLElement {
  return h("li", { class: "record" }, h("time", { class: "num" }, format.time(format.num(r.atMs))),
    h("span", { class: "words" }, h("span", { class: "what" }, format.words(r.what ?? "")), " ",
      r.name ? [said(r.name, "mono"), " "] : null, r.outcome ? said(r.outcome, tone(r.tone) || "m") : null,
      r.detail ? [" ", said(r.detail, "m")] : null));
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = h("a", { download: name });
  a.href = url;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  note.set("The transcript was handed to the browser's downloads.");
}

/* As the bridge writes it. */
export function exportJson(): void {
  wire.ask({ export: null }).then((d) => {
    if (d.done === null)
      note.set("The window has it.");
    else if (d.file)
      save(d.file.name || "transcript.json", d.file.type || "application/json", d.file.text ?? "");
  }).catch((e) => note.set(e instanceof Error ? e.message : String(e)));
}

function exportText(): void {
  const lines = store.records.peek().map((r) =>
    [new Date(format.num(r.atMs)).toISOString(), r.what, r.name, r.outcome, r.detail].filter(Boolean).join(" "));
  save("transcript.txt", "text/plain", `${lines.join("\n")}\n`);
}

export function aside(): HTMLElement {
  return h("aside", { class: "transcript", "aria-label": "Transcript" }, h("h2", null, "Transcript"),
           live(h("ol", { class: "records" }), () => {
             const all = store.records.get().slice(-BESIDE).reverse();
             return all.length ? all.map(line) : h("li", { class: "m" }, "Nothing was done yet.");
           }));
}

export function view(): Child {
  return h("div", { class: "screen narrow" }, h("div", { class: "line1" },
    h("div", { class: "main" }, h("h1", null, "Transcript"),
      h("p", { class: "lead" },
        "What was done, and what came of it. Secrets, parameters and personal panes never enter it.")),
    h("div", { class: "answers" },
      h("button", { type: "button", id: "export-json", onclick: exportJson }, icon("export", 14), "As JSON"),
      host ? null
        : h("button", { type: "button", id: "export-text", onclick: exportText }, icon("export", 14), "As text"))),
  live(h("p", { class: "m", role: "status" }), () => note.get()),
  live(h("ol", { class: "card records full" }), () => {
    const all = store.records.get().slice().reverse();
    return all.length ? all.map(line) : h("li", { class: "empty" }, icon("list", 28), h("h2", null,
      "Nothing was done yet"));
  }));
}
