/* A pane: the title of its service, from the instance and in the host's type; its own title; what the person can do to
 * it; its model; and its commands. A command that asks for something opens its fields in the pane, under its title. */

import { Complete, fields } from "./fields";
import { icon } from "./icons";
import { make } from "./kinds/all";
import { Context, said } from "./kinds/kind";
import * as look from "./look";
import { own } from "./patch";
import * as store from "./store";
import { Child, effect, h, replace, Signal } from "./view";
import * as wire from "./wire";

interface Shown {
  p: store.Pane; el: HTMLElement; asking: HTMLElement; end: () => void;
  draft: () => store.Draft;
  asks: { command: string; selection: string[]; values: () => WebUp_Value[] } | null;
}

/* Why a pane goes that nobody has wanted to go: what was typed into it waits for it. "": another line to the bridge. */
const AGAIN = new Set(["failed", "session-ended", "dropped", ""]);

const shown = new Map<number, Shown>();

function refuse(p: store.Pane, e: unknown): void {
  p.said.set(`! ${e instanceof Error ? e.message : String(e)}`);
}

/* Runs a command. Whether it was taken: one that calls, when that has ended well; another, when it is told. */
function run(p: store.Pane, command: string, e: Event, selection: string[] = [], values: WebUp_Value[] = []):
    Promise<boolean> {
  const calls = !!p.commands.peek().find((o) => o.command?.id === command)?.command?.run?.call;
  p.said.set("…");
  return new Promise((done) => {
    const mine: store.Running = { id: 0, over: (taken) => {
      p.running = p.running.filter((x) => x !== mine);
      done(taken);
    } };
    p.running.push(mine);
    wire.ask({ run: { surface: p.info.surface, command, selection, values, trusted: e.isTrusted } },
             (id) => { mine.id = id; }).then(() => {
      if (p.said.peek() === "…")
        p.said.set("");
      if (!calls)
        mine.over(true);
    }).catch((x) => { refuse(p, x); mine.over(false); });
  });
}

/* What its service says that a field may be. */
function complete(p: store.Pane, command: string): Complete {
  return (path, prefix) => wire.ask({ complete: { service: p.info.service, command, path, prefix } })
    .then((d) => d.choices ?? []);
}

/* Asks for a command's fields, until it is taken or let be. Then the focus is where it was. begun: what was typed into
 * them before, in a pane that has come again. */
function askFor(p: store.Pane, s: Shown, c: Command, selection: string[], begun?: Map<string, string>): void {
  const all = fields(c.fields ?? [], `p${p.info.surface}-${c.id}`, begun ?? new Map(), new Map(), () => undefined,
                     complete(p, c.id ?? ""));
  const values = (): WebUp_Value[] =>
    all.values().map((v) => ({ ...v, typed: v.typed || !!begun?.has(v.path ?? "") }));
  const from = document.getElementById(`p${p.info.surface}-c-${c.id}`) ?? document.activeElement;
  const close = (): void => {
    const had = form.contains(document.activeElement);
    if (s.asking.firstChild !== form)
      return;
    replace(s.asking);
    s.asking.hidden = true;
    s.asks = null;
    const back = document.getElementById(from?.id || " ") ?? from;
    if (had && back instanceof HTMLElement)
      back.focus();
  };
  const form = own(h("form", { class: "ask-fields", "aria-label": c.title ?? "", onsubmit: async (e: Event) => {
    e.preventDefault();
    if (form.ariaBusy === "true")
      return;
    form.ariaBusy = "true";
    if (await run(p, c.id ?? "", e, selection, values()))
      close();
    form.ariaBusy = "false";
  }, onkeydown: (e: KeyboardEvent) => {
    if (e.key === "Escape")
      close();
  } }, h("p", { class: "m" }, c.summary || c.title), all.el, h("div", { class: "answers" },
    h("button", { type: "button", class: "cancel", onclick: close }, "Cancel"),
    h("button", { class: "go", type: "submit" }, c.title ?? ""))));
  s.asking.hidden = false;
  s.asks = { command: c.id ?? "", selection, values };
  replace(s.asking, form);
  if (!begun)
    all.focus();
}

/* Goes on with what was typed into the pane that was this one. */
function resume(s: Shown): void {
  const { p } = s, asked = store.drafts.get(p.key)?.asked;
  const c = p.commands.get().find((o) => o.command?.id === asked?.command)?.command;
  if (!asked || !c?.enabled)
    return;
  delete store.drafts.get(p.key)?.asked;
  if (!s.asks)
    askFor(p, s, c, asked.selection, asked.typed);
}

/* Runs a command, or asks for its fields first. */
export function activate(surface: number, o: WebDown_Offered, e: Event, selection: string[] = []): void {
  const p = store.panes.peek().get(surface);
  const s = shown.get(surface);
  const c = o.command;
  if (!p || !c || !c.enabled)
    return;
  if (!c.fields?.length || !s) {
    void run(p, c.id ?? "", e, selection);
    return;
  }
  askFor(p, s, c, selection);
}

function context(p: store.Pane): Context {
  const surface = p.info.surface;
  return {
    surface,
    title: p.info.title ?? "",
    commands: () => p.commands.peek(),
    run: async (command, e, selection, values) => {
      const o = p.commands.peek().find((x) => x.command?.id === command);
      if (!o?.command?.fields?.length || values?.length)
        return run(p, command, e, selection, values);
      activate(surface, o, e, selection);
      return true;
    },
    select: (keys) => wire.tell({ act: { surface, select: keys } }),
    edit: (values) => wire.tell({ act: { surface, edit: values } }),
    complete: (command) => complete(p, command),
  };
}

/* Ids that stand beside elements, or under a form or a transcript, and need no button below. */
function placed(m: UiModel): Set<string> {
  const out = new Set<string>([m.form?.submit ?? "", m.transcript?.send ?? ""]);
  for (const list of [m.list?.items, m.table?.rows, m.tree?.nodes, m.map?.markers])
    for (const x of list ?? [])
      for (const id of x.commands ?? [])
        out.add(id);
  return out;
}

function button(p: store.Pane, o: WebDown_Offered): HTMLElement {
  const c = o.command;
  return h("button", {
    type: "button", id: `p${p.info.surface}-c-${c?.id}`, disabled: !c?.enabled, class: o.asks ? "will-ask" : null,
    title: (c?.enabled ? c?.summary : c?.reason) || null, onclick: (e: Event) => c && activate(p.info.surface, o, e),
  }, c?.title ?? "", c?.fields?.length ? " …" : null, o.asks ? h("span", { class: "unseen" }, ", asks first") : null);
}

function commands(p: store.Pane): Child {
  const there = placed(p.model);
  const all = p.commands.get().filter((o) => !there.has(o.command?.id ?? ""));
  const text = p.said.get();
  const state = h("span", { class: `said ${text.startsWith("!") ? "tone-bad" : "m"}`, role: "status" },
                  text.replace(/^! /, ""));
  if (!all.length && !text)
    return null;
  return h("div", { class: "commands" }, all.map((o) => button(p, o)), state);
}

function move(p: store.Pane, e: Event): void {
  const place = (e.target as HTMLSelectElement).value as UiPlace;
  wire.tell({ act: { surface: p.info.surface, move: { place, weight: 0, order: 0, collapsed: false } } });
}

function title(p: store.Pane): Child {
  const i = p.info;
  const name = `${i.serviceTitle ?? ""} ${i.title ?? ""}`;
  return [
    h("h2", { id: `pane-${i.surface}-title` }, said(i.serviceTitle || i.service, "service"), " ", said(i.title,
      "name")),
    i.safetyClass === "personal" ? h("span", { class: "tag", title: "Left out of exports" }, "personal") : null,
    h("span", { class: "sp" }),
    h("select", { class: "quiet", "aria-label": `Move ${name}`, id: `pane-${i.surface}-move`, value: "any",
                  onchange: (e: Event) => move(p, e) },
      h("option", { value: "any" }, "place"), h("option", { value: "main" }, "main"),
      h("option", { value: "side" }, "side"), h("option", { value: "bottom" }, "bottom")),
    h("button", { type: "button", class: "quiet", id: `pane-${i.surface}-pin`, "aria-pressed": i.pinned,
                  "aria-label": `Pin ${name}`, title: "Pin: its place stays",
                  onclick: () => wire.tell({ act: { surface: i.surface, pin: !i.pinned } }) }, icon("pin", 14)),
    h("button", { type: "button", class: "quiet", id: `pane-${i.surface}-close`, "aria-label": `Close ${name}`,
                  title: "Close", onclick: () => wire.tell({ act: { surface: i.surface, close: null } }) },
      icon("cross", 14)),
  ];
}

/* What its service says that the pane is for. */
function summarize(p: store.Pane, el: HTMLElement): void {
  el.hidden = !p.info.summary;
  replace(el, said(p.info.summary));
}

function build(p: store.Pane): Shown {
  const surface = p.info.surface;
  const head = h("header");
  const kind = make(p.info.kind);
  const asking = h("div", { class: "asking", hidden: true });
  const summary = h("p", { class: "summary", id: `pane-${surface}-summary` });
  const below = h("div", { class: "below" });
  const el = h("section", { class: `pane of-${p.info.kind} ${p.info.safetyClass}`, id: `pane-${surface}`,
                            "aria-labelledby": `pane-${surface}-title` }, head, summary, asking, kind, below);
  const touched = new Signal(0);
  const told = new Signal("");   /* what stands around the model; most changes leave it alone */
  let waiting: (WebDown_Change | null)[] = [];
  const s: Shown = { p, el, asking, asks: null, end: () => { for (const e of ends) e(); p.listen = null; },
                     draft: () => ({ typed: kind.draft(), asked: s.asks ? { ...s.asks,
                       typed: new Map(s.asks.values().filter((v) => v.typed).map((v) => [v.path ?? "", v.text ?? ""]))
                     } : undefined }) };
  kind.context = context(p);
  kind.resume(store.drafts.get(p.key)?.typed ?? new Map());
  kind.classList.add("model");
  /* The pane outlives the drawing of the layout that it was first in: its effects do, too. */
  const ends = [
    effect(() => { told.get(); replace(head, title(p)); summarize(p, summary); }, true),
    effect(() => { p.commands.get(); kind.recommand(); }, true),
    effect(() => { told.get(); replace(below, commands(p)); }, true),
    effect(() => resume(s), true),
    effect(() => look.mark(el, store.themes.get().get(surface)), true),
    effect(() => {
      touched.get();
      told.set(JSON.stringify([{ ...p.info, model: 0, commands: 0, revision: 0 }, [...placed(p.model)]]));
      /* Several changes of one frame are one whole drawing; a single one is drawn as what it is. */
      const one = waiting.length === 1 ? waiting[0] : null;
      waiting = [];
      kind.draw(p.model, one);
    }, true),
  ];
  p.listen = (change) => { waiting.push(change); touched.set(touched.peek() + 1); };
  return s;
}

/* The element of a pane: the same one as long as the pane is there, wherever it moves. */
export function element(surface: number): HTMLElement | null {
  const p = store.panes.peek().get(surface);
  if (!p)
    return null;
  let s = shown.get(surface);
  if (!s) {
    s = build(p);
    shown.set(surface, s);
  }
  return s.el;
}

/* Lets go of elements whose panes are gone; another may have the number. */
export function tidy(): void {
  for (const [surface, s] of shown)
    if (store.panes.peek().get(surface) !== s.p) {
      store.drafts.delete(s.p.key);
      if (AGAIN.has(s.p.over))
        store.drafts.set(s.p.key, s.draft());
      s.end();
      shown.delete(surface);
    }
}
