/* A form from a schema: each field with its author's comment beside it, structs in groups, lists that grow, of a union
 * one member, references as handles or as a listener of this page's. What is not filled in is not sent. */

import * as store from "./store";
import { own } from "./patch";
import { Child, h, replace } from "./view";

export interface Part { el: HTMLElement; value: () => unknown }

const DEEPEST = 6;

type Schema = { types?: WebDown_Schema_Type[] };

function typeOf(s: Schema, id: Wide): WebDown_Schema_Type | undefined {
  return (s.types ?? []).find((t) => String(t.id) === String(id));
}

/* The first paragraph: the rest is for who opens it. */
function doc(text: string | undefined): Child {
  return text ? h("span", { class: "help" }, h("bdi", null, text)) : null;
}

function input(id: string, type: string, placeholder: string, changed: () => void): HTMLInputElement {
  return h("input", { id, type, placeholder: placeholder || null, oninput: changed, autocomplete: "off",
    spellcheck: "false",
                      step: type === "number" ? "any" : null });
}

/* What a reference may be now; what was chosen stays, if it still can be. */
export function refer(el: HTMLSelectElement): void {
  const chosen = el.value;
  el.replaceChildren(h("option", { value: "" }, "none"), h("option", { value: "listen" }, "receive here"),
    ...store.handles.peek().map((x) => h("option", { value: `h${x.handle}` },
      `#${x.handle} ${x.interface ?? ""} from ${x.from}`)));
  el.value = chosen;
  if (el.selectedIndex < 0)
    el.value = "";
}

function reference(id: string, changed: () => void): Part {
  const el = h("select", { id, class: "reference", onchange: changed });
  refer(el);
  return { el, value: () => el.value === "listen" ? { $listen: true }
    : el.value ? { $cap: Number(el.value.slice(1)) } : undefined };
}

function json(text: string): unknown {
  return text.trim() ? JSON.parse(text) : undefined;
}

function wide(el: HTMLInputElement): Part {
  return { el, value: () => el.value === "" ? undefined : el.value };
}

/* One value, of a type that is no list. */
function single(s: Schema, f: WebDown_Schema_Field, id: string, depth: number, changed: () => void): Part {
  const first = (f.default ?? "").replace(/^"(.*)"$/, "$1");
  const hint = first && first !== "0" && first !== "null" && first !== "false" ? first : "";
  if (f.type === "bool") {
    const el = h("input", { id, type: "checkbox", checked: f.default === "true", onchange: changed });
    return { el, value: () => el.checked || f.default === "true" ? el.checked : undefined };
  }
  if (f.type === "enum") {
    const names = typeOf(s, f.of)?.enumerants ?? [];
    const el = h("select", { id, onchange: changed, value: first }, names.map((e) =>
      h("option", { value: e.name, title: e.doc || null }, e.name)));
    return { el, value: () => el.value || undefined };
  }
  if (["int", "uint", "float"].includes(f.type ?? "")) {
    const el = input(id, "number", hint, changed);
    return { el, value: () => el.value === "" ? undefined : Number(el.value) };
  }
  if (f.type === "int64" || f.type === "uint64")
    return wide(input(id, "text", hint || "0", changed));
  if (f.type === "cap")
    return reference(id, changed);
  if ((f.type === "struct" || f.type === "group") && depth < DEEPEST) {
    const inner = struct(s, f.of, id, depth + 1, changed);
    return inner ?? { el: h("span", { class: "m" }, "nothing to fill in"), value: () => undefined };
  }
  if (f.type === "text")
    return wide(input(id, "text", hint, changed));
  if (f.type === "void")
    return { el: h("span", { class: "m" }, "chosen"), value: () => null };
  const el = h("textarea", { id, rows: 2, spellcheck: "false", oninput: changed,
                             placeholder: f.type === "data" ? "base64" : "JSON" });
  return { el, value: () => f.type === "data" ? el.value.trim() || undefined : json(el.value) };
}

function list(s: Schema, f: WebDown_Schema_Field, id: string, depth: number, changed: () => void): Part {
  const parts: Part[] = [];
  const rows = own(h("ol", { class: "list-rows" }));
  const inner = { ...f, list: f.list - 1, default: "" };
  let next = 0;
  const add = (): void => {
    const p = value(s, inner, `${id}-${next++}`, depth + 1, changed);
    const row = h("li", null, p.el, h("button", { type: "button", class: "quiet", "aria-label": "Remove",
      onclick: () => {
      parts.splice(parts.indexOf(p), 1);
      row.remove();
      changed();
    } }, "remove"));
    parts.push(p);
    rows.append(row);
    changed();
  };
  return { el: h("div", { class: "list-field" }, rows, h("button", { type: "button", id, class: "small", onclick: add },
                                                         "Add one")),
           value: () => parts.length ? parts.map((p) => p.value() ?? null) : undefined };
}

function value(s: Schema, f: WebDown_Schema_Field, id: string, depth: number, changed: () => void): Part {
  return f.list ? list(s, f, id, depth, changed) : single(s, f, id, depth, changed);
}

function labelled(f: WebDown_Schema_Field, id: string, p: Part): HTMLElement {
  const nested = f.type === "struct" || f.type === "group" || f.list > 0;
  if (nested)
    return h("fieldset", { class: "field" }, h("legend", null, f.name), doc(f.doc), p.el);
  const flag = f.type === "bool";
  const label = h("label", { for: id }, f.name, h("span", { class: "type mono" }, ` ${f.type ?? ""}`));
  return h("div", { class: flag ? "field flag" : "field" }, flag ? [p.el, label] : [label, p.el], doc(f.doc));
}

/* Fields that exclude each other: which, and then that one. */
function union(s: Schema, all: WebDown_Schema_Field[], id: string, depth: number, changed: () => void): Part & {
    name: () => string } {
  const room = h("div");
  const pick = h("select", { id: `${id}-which`, "aria-label": "Which", onchange: () => { build(); changed(); } },
                 all.map((f) => h("option", { value: f.name }, f.name)));
  let part: Part | null = null;
  const build = (): void => {
    const f = all.find((x) => x.name === pick.value) ?? all[0];
    part = value(s, f, `${id}-${f.name}`, depth, changed);
    replace(room, labelled(f, `${id}-${f.name}`, part));
  };
  build();
  return { el: h("fieldset", { class: "field union" }, h("legend", null, "one of"), pick, room),
           value: () => part?.value(), name: () => pick.value };
}

/* All fields of a struct; null: it has none. */
export function struct(s: Schema, id: Wide, prefix: string, depth: number, changed: () => void): Part | null {
  const all = typeOf(s, id)?.fields ?? [];
  const plain = all.filter((f) => !f.union);
  const unions = [...new Set(all.map((f) => f.union ?? "").filter(Boolean))]
    .map((u) => union(s, all.filter((f) => f.union === u), `${prefix}-${u}`, depth, changed));
  const parts = plain.map((f) => ({ f, p: value(s, f, `${prefix}-${f.name}`, depth, changed) }));
  if (!all.length)
    return null;
  return {
    el: h("div", { class: "fields" }, parts.map(({ f, p }) => labelled(f, `${prefix}-${f.name}`, p)),
          unions.map((u) => u.el)),
    value: () => {
      const out: { [name: string]: unknown } = {};
      for (const { f, p } of parts)
        if (p.value() !== undefined)
          out[f.name ?? ""] = p.value();
      for (const u of unions)
        if (u.value() !== undefined)
          out[u.name()] = u.value();
      return Object.keys(out).length || depth === 0 ? out : undefined;
    },
  };
}
