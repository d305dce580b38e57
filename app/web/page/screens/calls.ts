/* Calls: a method of a capability or of a reference that came back; its form on the left, what goes and comes as JSON
 * on the right; below, what was called before, references that are held, and what listeners of this page have heard. */

import * as format from "../format";
import { Part, refer, struct } from "../form";
import { icon } from "../icons";
import { own } from "../patch";
import { byInterface, faults, own as ownOf, schemas, want } from "../schemas";
import * as store from "../store";
import { Child, effect, h, live, Signal } from "../view";

const last = new Signal<store.Call | null>(null);
const asText = new Signal<boolean>(false);
const busy = new Signal<boolean>(false);

/* What was typed for a method: its form, and the same as JSON. */
interface Draft { of: WebDown_Schema_Method | null; part: Part | null; text: string }

/* By session, target and method, as long as the session. */
const drafts = new Map<string, Draft>();
let draft: Draft = { of: null, part: null, text: "" };
let method = "";

function draftOf(t: { name: string; handle: number }, name: string): Draft {
  const key = JSON.stringify([store.session.peek()?.id, t.name || t.handle, name]);
  const d = drafts.get(key) ?? { of: null, part: null, text: "" };
  drafts.set(key, d);
  return d;
}

/* Another session has none of it. */
export function begin(): void {
  let of: string | undefined;
  effect(() => {
    const id = store.session.get()?.id;
    if (id === of)
      return;
    of = id;
    last.set(null);
    asText.set(false);
    for (const key of [...drafts.keys()])
      if (JSON.parse(key)[0] !== id)
        drafts.delete(key);
  });
}

const preview = h("pre", { class: "json", id: "request", role: "group", tabindex: 0, "aria-label": "Request" });

interface Aim { name: string; handle: number; method: string }

/* The capability that was taken back, of what is aimed at; "": it can be called. */
function taken(name: string, handle: number): string {
  const root = name || store.rootOf(handle);
  return store.lost.get().has(root) ? root : "";
}

/* Beside a name: it is known by it, and can be called no more. */
function revoked(root: string): string {
  const how = store.lost.get().get(root);
  return how ? ` · ${how}` : "";
}

function aim(): Aim {
  return store.target.get() ?? { name: "", handle: 0, method: "" };
}

function schemaOf(t: Aim): WebDown_Schema | null {
  if (t.name) {
    want(t.name);
    return schemas.get().get(t.name) ?? null;
  }
  const held = store.handles.peek().find((x) => x.handle === t.handle);
  want(held?.root ?? "");
  return held ? byInterface(String(held.interfaceId)) : null;
}

/* Methods by the names a call takes: with the interface's where two have the same. */
function methodsOf(s: WebDown_Schema | null): { m: WebDown_Schema_Method; full: string }[] {
  const all = (s ? ownOf(s) : []).flatMap((i) => (i.methods ?? []).map((m) => ({ m, i: i.name ?? "" })));
  return all.map(({ m, i }) => ({ m, full: all.filter((x) => x.m.name === m.name).length > 1 ? `${i}.${m.name}`
    : m.name ?? "" }));
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function params(): string {
  return asText.peek() ? draft.text || "{}" : JSON.stringify(draft.part?.value() ?? {}, null, 2);
}

function changed(): void {
  try {
    preview.textContent = params();
  } catch (e) {
    preview.textContent = String(e);
  }
}

function run(e: Event): void {
  const t = aim();
  let json = "";
  e.preventDefault();
  try {
    json = params();
  } catch (x) {
    preview.textContent = String(x);
    return;
  }
  busy.set(true);
  void store.call({ name: t.name, handle: t.handle }, method, json).finally(() => busy.set(false));
  last.set(store.calls.peek()[0] ?? null);
}

function target(): HTMLElement {
  const t = aim();
  const value = t.name ? `c:${t.name}` : t.handle ? `h:${t.handle}` : "";
  const gone = taken(t.name, t.handle);
  return h("div", { class: "field" }, h("label", { for: "target" }, "On"), h("select", { id: "target", value,
    onchange: (e: Event) => {
      const v = (e.target as HTMLSelectElement).value;
      store.target.set({ name: v.startsWith("c:") ? v.slice(2) : "",
        handle: v.startsWith("h:") ? Number(v.slice(2)) : 0,
                         method: "" });
    } }, value ? null : h("option", { value: "" }, "choose …"),
  (store.caps.get() ?? []).map((c) => h("option", { value: `c:${c.entry?.name ?? ""}` },
                                        `${c.entry?.name ?? ""} · ${c.interface ?? ""}${
                                          revoked(c.entry?.name ?? "")}`)),
  store.handles.get().map((x) => h("option", { value: `h:${x.handle}` }, `#${x.handle} · ${x.interface ?? ""}${
    revoked(x.root)}`))),
  gone ? h("p", { class: "banner bad", role: "alert", id: "taken" }, icon("lock"), h("span", null, h("bdi", null, gone),
           store.lost.get().get(gone) === "revoked" ? " was taken from this session" : "'s lease is over",
           ": neither it nor what came from it can be called any more.")) : null);
}

function body(s: WebDown_Schema, m: WebDown_Schema_Method): Child {
  const d = draft = draftOf(aim(), method);
  if (d.of !== m) {
    d.of = m;
    d.part = struct(s, m.params, "arg", 0, changed);
    if (d.part)
      own(d.part.el);
  }
  for (const el of d.part?.el.querySelectorAll<HTMLSelectElement>("select.reference") ?? [])
    refer(el);
  const area = h("textarea", { id: "raw", rows: 8, class: "mono", spellcheck: "false", value: d.text || "{}",
    "aria-label": "Parameters as JSON", oninput: () => { d.text = area.value; changed(); } });
  queueMicrotask(changed);
  return [
    m.doc ? h("p", { class: "doc" }, h("bdi", null, m.doc)) : null,
    asText.get() ? h("div", { class: "field" }, area)
      : d.part?.el ?? h("p", { class: "m" }, "This method takes no parameters."),
    h("div", { class: "answers" },
      h("button", { type: "button", class: "quiet", id: "as-json", "aria-pressed": asText.get(), onclick: () => {
        if (!asText.peek())
          d.text = params();
        asText.set(!asText.peek());
      } }, "Write JSON"),
      live(h("span"), () => h("button", { type: "submit", class: "go", id: "call",
        disabled: !!store.ended.get() || !!taken(aim().name, aim().handle) },
                              busy.get() ? "Calling …" : `Call ${m.name ?? ""}`))),
  ];
}

/* Apart from whom it is called on: that changes when a reference comes back, and what somebody types stays. */
function builder(): Child {
  const t = aim();
  const s = schemaOf(t);
  const all = methodsOf(s);
  const at = all.find((x) => x.full === t.method || x.m.name === t.method) ?? all.find((x) => x.m.granted);
  method = at?.full ?? "";
  return [s ? h("div", { class: "field" }, h("label", { for: "method" }, "Method"),
    h("select", { id: "method", value: at?.full ?? "", onchange: (e: Event) =>
      store.target.set({ ...t, method: (e.target as HTMLSelectElement).value }) },
    all.map((x) => h("option", { value: x.full, disabled: !x.m.granted }, x.full))))
    : faults.get().has(t.name) ? h("p", { class: "banner bad", role: "alert" }, icon("alert"), faults.get().get(t.name))
    : t.name || t.handle ? h("div", { class: "skeleton-line" }) : h("p", { class: "m" }, "Choose what to call."),
  s && at ? body(s, at.m) : null];
}

function outcome(): Child {
  const c = last.get();
  if (!c)
    return h("p", { class: "m" }, "The answer will stand here.");
  const r = c.result.get(), f = c.failure.get();
  if (f)
    return [h("p", { class: "outcome tone-bad", role: "status", id: "outcome" }, icon("cross", 14),
      f.code || "service"),
            h("p", null, h("bdi", null, f.text)), f.path ? h("p", { class: "mono" }, f.path) : null];
  if (!r)
    return h("p", { class: "outcome m", role: "status", id: "outcome" }, h("span", { class: "spinner" }), "under way");
  return [h("p", { class: "outcome tone-good", role: "status", id: "outcome" }, icon("check", 14), "done in ",
            h("span", { class: "num" }, format.micros(format.num(r.tookUs))),
            h("span", { class: "m" }, ` · ${format.size(format.num(r.bytes))}`)),
          r.json ? h("pre", { class: "json", id: "response", role: "group", tabindex: 0, "aria-label": "Response" },
            pretty(r.json)) : h("p", { class: "m" }, "What came back then is not kept. Call it again to see it.")];
}

function state(c: store.Call): Child {
  const f = c.failure.get(), r = c.result.get();
  return f ? h("span", { class: "tone-bad" }, f.code || "service") : r
    ? h("span", { class: "tone-good" }, format.micros(format.num(r.tookUs))) : h("span", { class: "m" }, "under way");
}

function again(c: store.Call): void {
  draftOf({ name: c.target, handle: c.handle }, c.method).text = c.params;
  asText.set(true);
  store.target.set({ name: c.target, handle: c.handle, method: c.method });
  last.set(c);
}

function history(): Child {
  const all = store.calls.get();
  return [h("h2", null, "Before"), all.length ? h("ul", { class: "history" }, all.slice(0, 12).map((c) => h("li", null,
    h("time", { class: "num m" }, format.time(c.atMs)),
    h("span", { class: "mono main" }, `${c.target || `#${c.handle}`}.${c.method}`), state(c),
    h("button", { type: "button", class: "small", onclick: () => again(c) }, "Again"))))
    : h("p", { class: "m" }, "Nothing was called yet.")];
}

function held(): Child {
  const all = store.handles.get();
  return all.length ? [h("h2", null, "References"), h("ul", { class: "history", id: "handles" },
    all.map((x) => h("li", { class: revoked(x.root) ? "gone" : null },
    h("b", { class: "num" }, `#${x.handle}`),
    h("span", { class: "mono main" }, x.interface, h("span", { class: "m" }, ` from ${x.from} at ${x.path ?? ""}`)),
    revoked(x.root) ? h("span", { class: "tone-bad" }, store.lost.get().get(x.root)) : null,
    h("button", { type: "button", class: "small", id: `use-${x.handle}`, disabled: !!revoked(x.root), onclick: () =>
      store.target.set({ name: "", handle: x.handle, method: "" }) }, "Call on it"),
    h("button", { type: "button", class: "small", id: `forget-${x.handle}`, onclick: () => store.forget(x.handle) },
      "Forget"))))] : null;
}

function heard(): Child {
  const all = store.events.get();
  return all.length ? [h("h2", null, "Heard by listeners"), h("ol", { class: "history", id: "events" },
    all.slice(0, 50).map((e) => h("li", null, h("time", { class: "num m" }, format.time(format.num(e.atMs))),
      h("span", { class: "mono" }, `${e.interface ?? ""}.${e.method ?? ""}`),
      h("code", { class: "main" }, h("bdi", null, e.json)))))] : null;
}

export function view(): Child {
  return h("div", { class: "screen" }, h("h1", null, "Calls"), h("div", { class: "halves" },
    h("section", { class: "card" }, h("form", { class: "builder", onsubmit: run }, live(h("div"), target),
      live(h("div", { class: "builder" }), builder))),
    h("section", { class: "card answer" }, h("h2", null, "Request"), preview, h("h2", null, "Answer"),
      live(h("div"), outcome))),
  h("div", { class: "halves" }, live(h("section", { class: "card" }), history),
    live(h("section", { class: "card" }), () => [held(), heard(),
      store.handles.get().length || store.events.get().length
      ? null : [h("h2", null, "References"), h("p", { class: "m" },
        "What calls give back stands here, to be called on in its turn.")]])));
}
