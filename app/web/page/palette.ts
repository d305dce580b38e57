/* The palette (Ctrl-K): everything that can be gone to or run, by some letters of its name. */

import * as sheet from "./ask";
import { go, Screen, SCREENS } from "./nav";
import * as store from "./store";
import { h, replace } from "./view";
import * as wire from "./wire";
import { schemas } from "./schemas";
import { activate } from "./pane";

interface Entry { what: string; name: string; detail: string; run: (e: Event) => void }

const SHOWN = 12;
const dialog = h("dialog", { class: "palette", "aria-label": "Find", id: "palette" });
const input = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list",
                           "aria-autocomplete": "list", placeholder: "Screens, capabilities, methods, commands",
                           "aria-label": "Find", id: "palette-input", spellcheck: "false", autocomplete: "off" });
const list = h("ul", { role: "listbox", id: "palette-list", "aria-label": "Found" });
let found: Entry[] = [];
let at = 0;

function all(): Entry[] {
  const out: Entry[] = [];
  const s = store.session.peek();
  for (const [to, name] of Object.entries(SCREENS))
    if (s || to === "instances")
      out.push({ what: "screen", name, detail: "", run: () => go(to as Screen) });
  if (s && !store.ended.peek())
    out.push({ what: "act", name: "Renew the lease", detail: "", run: sheet.ask },
             { what: "act", name: "Reset the layout", detail: "", run: sheet.reset },
             { what: "act", name: "Log out", detail: "", run: sheet.logout });
  for (const c of store.caps.peek() ?? []) {
    const name = c.entry?.name ?? "";
    if (store.lost.peek().has(name))
      continue;
    out.push({ what: "capability", name, detail: c.interface ?? "", run: () => {
      store.target.set({ name, handle: 0, method: "" });
      go("calls");
    } });
    for (const i of schemas.peek().get(name)?.interfaces ?? [])
      for (const m of i.methods ?? [])
        out.push({ what: "method", name: `${name}.${m.name ?? ""}`, detail: i.name ?? "", run: () => {
          store.target.set({ name, handle: 0, method: m.name ?? "" });
          go("calls");
        } });
  }
  for (const o of store.offers.peek())
    out.push({ what: "service", name: o.title || o.service || "",
      detail: o.running ? "close its panes" : "open its panes",
               run: () => wire.tell(o.running ? { withdraw: o.service } : { offer: o.service }) });
  for (const p of store.panes.peek().values())
    for (const c of p.commands.peek())
      out.push({ what: "command", name: c.command?.title ?? "",
        detail: `${p.info.serviceTitle ?? ""} · ${p.info.title ?? ""}`,
                 run: (e) => { go("workspace"); activate(p.info.surface, c, e); } });
  return out;
}

/* All letters in order; better when they stand together and at the beginning. */
export function rank(name: string, query: string): number {
  const n = name.toLowerCase(), q = query.toLowerCase();
  const i = n.indexOf(q);
  if (i >= 0)
    return 100 - Math.min(50, i) + (i === 0 ? 20 : 0);
  let p = 0;
  for (const c of q) {
    p = n.indexOf(c, p) + 1;
    if (!p)
      return 0;
  }
  return 20;
}

function draw(): void {
  const q = input.value.trim();
  found = all().map((e) => ({ e, r: q ? Math.max(rank(e.name, q), rank(e.detail, q) / 2) : 1 })).filter((x) => x.r > 0)
    .sort((a, b) => b.r - a.r).slice(0, SHOWN).map((x) => x.e);
  at = Math.max(0, Math.min(at, found.length - 1));
  replace(list, found.length ? found.map((e, i) => h("li", {
    role: "option", id: `palette-${i}`, "aria-selected": i === at, onclick: (ev: Event) => take(i, ev),
  }, h("span", { class: "kind" }, e.what), h("bdi", { class: "name" }, e.name), h("bdi", { class: "detail" },
    e.detail)))
    : h("li", { class: "none" }, "Nothing has such a name."));
  input.setAttribute("aria-activedescendant", found.length ? `palette-${at}` : "");
  document.getElementById(`palette-${at}`)?.scrollIntoView({ block: "nearest" });
}

function take(i: number, e: Event): void {
  const entry = found[i];
  if (!entry)
    return;
  dialog.close();
  entry.run(e);
}

input.addEventListener("input", () => { at = 0; draw(); });
input.addEventListener("keydown", (e) => {
  if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    e.preventDefault();
    at = (at + (e.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length);
    draw();
  } else if (e.key === "Enter") {
    e.preventDefault();
    take(at, e);
  }
});
dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });

export function open(): void {
  if (dialog.open || document.querySelector("dialog[open]"))
    return;
  input.value = "";
  at = 0;
  dialog.showModal();
  draw();
  input.focus();
}

export function begin(): HTMLElement {
  replace(dialog, input, list, h("p", { class: "keys-line" }, "↑ ↓ to choose, Enter to go, Esc to leave"));
  addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
      e.preventDefault();
      open();
    }
  });
  return dialog;
}
