/* The fields of a command or a form (CommandField), as controls a person fills in. */

import * as format from "./format";
import { Child, h } from "./view";

/* What a field may be, by the first letters of it. */
export type Complete = (path: string, prefix: string) => Promise<CommandChoice[]>;

const REST_MS = 150;

export interface Filled { el: HTMLElement; values: () => WebUp_Value[]; focus: () => void }

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function local(ms: number): string {
  return ms ? new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";
}

/* That nothing is chosen, where that may be or is so: the first choice is nobody's only because it is the first. */
function none(f: CommandField, initial: string): Child {
  const chosen = (f.choices ?? []).some((c) => format.raw(c.value) === initial);
  return f.required && chosen ? null : h("option", { value: "" }, f.required ? "choose one" : "none");
}

function control(f: CommandField, id: string, initial: string, typed: () => void): Control {
  const common = { id, required: f.required && f.kind !== "flag", oninput: typed, autocomplete: "off" };
  const low = format.num(f.min), high = format.num(f.max);
  const bounds = { min: Number.isFinite(low) ? low : null, max: Number.isFinite(high) ? high : null };
  if (f.kind === "choice" && f.choices?.length)
    return h("select", { ...common, value: initial }, none(f, initial), f.choices.map((c) =>
      h("option", { value: format.raw(c.value), title: c.detail || null }, c.label || format.raw(c.value))));
  if (f.kind === "flag")
    return h("input", { ...common, type: "checkbox", checked: initial === "true" });
  if (f.kind === "instant")
    return h("input", { ...common, type: "datetime-local", value: local(Number(initial)) });
  if (f.kind === "integer" || f.kind === "bytes" || f.kind === "duration")
    return h("input", { ...common, ...bounds, type: "number", step: 1, value: initial });
  if (f.kind === "number")
    return h("input", { ...common, ...bounds, type: "number", step: "any", value: initial });
  if (f.lines > 1)
    return h("textarea", { ...common, rows: f.lines, value: initial, spellcheck: false });
  return h("input", { ...common, type: "text", value: initial, maxlength: f.maxBytes || null, spellcheck: false });
}

function read(c: Control, f: CommandField): string {
  if (c instanceof HTMLInputElement && c.type === "checkbox")
    return String(c.checked);
  return f.kind === "instant" && c.value ? String(new Date(c.value).getTime()) : c.value;
}

function hint(f: CommandField): string {
  const unit = f.kind === "duration" ? "in milliseconds" : f.kind === "bytes" ? "in bytes" : "";
  return [f.help, unit].filter(Boolean).join(" · ");
}

/* A field whose service may know what it may be: asked when a person comes to it, and when he rests at typing; one that
 * has refused it once does not. */
function completes(c: Control, f: CommandField, complete: Complete): Child {
  if (!(c instanceof HTMLInputElement) || c.type !== "text")
    return null;
  const list = h("datalist", { id: `${c.id}-list` });
  let later = 0, asked = "\0", knows = true;
  const ask = (): void => {
    const prefix = c.value;
    if (prefix === asked || !knows)
      return;
    asked = prefix;
    complete(f.path ?? "", prefix).then((all) => {
      if (prefix === asked)
        list.replaceChildren(...all.map((x) => h("option", { value: format.raw(x.value), label: x.detail || null },
                                                  x.label || format.raw(x.value))));
    }, () => { knows = false; });
  };
  c.setAttribute("list", list.id);
  c.addEventListener("focus", ask);
  c.addEventListener("input", () => {
    clearTimeout(later);
    later = window.setTimeout(ask, REST_MS);
  });
  return list;
}

/* Whether something stands in it: what is not ticked, and was by nobody, is nothing. */
function has(c: Control, f: CommandField, was: string, typed: boolean): boolean {
  return f.required || (f.kind === "flag" ? typed || was !== "" : read(c, f) !== "");
}

/* All fields; `values` are what they begin with, `wrong` what is complained about, by path. What a person has not
 * touched is not typed by him, a choice and a tick too, wherever it comes from (capos/ui.h). */
export function fields(all: CommandField[], prefix: string, values: Map<string, string>, wrong: Map<string, string>,
                       changed: () => void, complete: Complete): Filled {
  const controls: { f: CommandField; c: Control; was: string; typed: boolean }[] = [];
  const rows: Child[] = all.map((f) => {
    const path = f.path ?? "";
    const id = `${prefix}-${path}`;
    const was = values.get(path) ?? format.raw(f.initial);
    const one = { f, was, typed: false, c: null as unknown as Control };
    const complaint = wrong.get(path);
    const help = hint(f);
    one.c = control(f, id, was, () => { one.typed = true; changed(); });
    controls.push(one);
    if (complaint)
      one.c.setAttribute("aria-invalid", "true");
    if (help || complaint)
      one.c.setAttribute("aria-describedby", `${id}-help`);
    const words = h("span", { id: `${id}-help`, class: complaint ? "help tone-bad" : "help" }, complaint || help);
    if (f.kind === "flag")
      return h("div", { class: "field flag" }, one.c, h("label", { for: id }, f.label || path), words);
    return h("div", { class: "field" },
             h("label", { for: id }, f.label || path, f.required ? h("span", { class: "must" }, " · needed") : null),
             one.c, completes(one.c, f, complete), help || complaint ? words : null);
  });
  return {
    el: h("div", { class: "fields" }, rows),
    values: () => controls.filter((x) => has(x.c, x.f, x.was, x.typed)).map((x) => ({
      path: x.f.path ?? "", text: read(x.c, x.f), typed: x.typed })),
    focus: () => controls[0]?.c.focus(),
  };
}
