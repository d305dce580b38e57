/* What all kinds of panes have in common: an element that draws a model, in the light tree. (Not in a shadow root: the
 * page has no foreign style to be kept from, and labels, live regions and one style sheet reach into the light tree.)
 *
 * A kind is told the whole model, and what of it has changed when it is not all of it. It draws at most once a frame.
 * */

import { Complete } from "../fields";
import { icon } from "../icons";
import { Child, h } from "../view";

export interface Context {
  surface: number;
  title: string;
  commands: () => WebDown_Offered[];
  /* Whether it was taken. */
  run: (command: string, e: Event, selection?: string[], values?: WebUp_Value[]) => Promise<boolean>;
  select: (keys: string[]) => void;
  edit: (values: WebUp_Value[]) => void;
  /* What a field of a command may be. */
  complete: (command: string) => Complete;
}

export abstract class Kind extends HTMLElement {
  context!: Context;
  abstract draw(model: UiModel, change: WebDown_Change | null): void;
  /* The commands have changed. */
  recommand(): void { /* most show none */ }
  /* What a person has typed here and not sent, by field; and gets it again, before it draws for the first time. */
  draft(): Map<string, string> { return new Map(); }
  resume(_typed: Map<string, string>): void { /* most have no place to type */ }
}

export function tone(t: UiTone | undefined): string {
  return t && t !== "neutral" ? `tone-${t}` : "";
}

/* A text of somebody else's, whose direction ends with it. */
export function said(text: string | undefined, cls = ""): HTMLElement {
  return h("bdi", cls ? { class: cls } : null, text ?? "");
}

/* What an element is called: by its key where its service gives it no title. */
export function called(title: string | undefined, key: string | undefined, cls = ""): HTMLElement {
  return said(title || key, cls);
}

export function symbol(i: UiIcon | undefined): Child {
  return i && i !== "none" ? icon(i) : null;
}

/* Buttons of the commands that make sense for an element. */
export function buttons(c: Context, ids: string[] | undefined, key: string): Child {
  const all = c.commands();
  const some = (ids ?? []).map((id) => all.find((o) => o.command?.id === id)).filter(Boolean) as WebDown_Offered[];
  if (!some.length)
    return null;
  return h("span", { class: "acts" }, some.map((o) => h("button", {
    class: "small", type: "button", disabled: !o.command?.enabled,
    title: (o.command?.enabled ? o.command?.summary : o.command?.reason) || null,
    id: `p${c.surface}-${o.command?.id}-${key}`,
    onclick: (e: Event) => void c.run(o.command?.id ?? "", e, [key]),
  }, o.command?.title ?? "")));
}

/* Chooses one or many of a list, by inputs that a keyboard and a screen reader know. */
export class Choice {
  private keys = new Set<string>();
  private kind: "no" | "one" | "many" = "no";
  constructor(private context: Context) {}
  input(key: string, label: string): Child {
    if (this.kind === "no")
      return null;
    return h("input", {
      type: this.kind === "one" ? "radio" : "checkbox", name: `p${this.context.surface}-choice`, "aria-label": label,
      id: `p${this.context.surface}-pick-${key}`, checked: this.keys.has(key),
      onchange: (e: Event) => {
        const on = (e.target as HTMLInputElement).checked;
        if (this.kind === "one")
          this.keys.clear();
        if (on)
          this.keys.add(key);
        else
          this.keys.delete(key);
        this.context.select([...this.keys]);
      },
    });
  }
  /* What can be chosen now, and how many of it. */
  among(kind: "no" | "one" | "many" | undefined, keys: Set<string>): void {
    this.kind = kind ?? "no";
    for (const k of [...this.keys])
      if (!keys.has(k) || this.kind === "no")
        this.keys.delete(k);
  }
}

/* What stands where there is nothing yet. */
export function empty(text: string, symbol: string): HTMLElement {
  return h("div", { class: "empty small-empty" }, icon(symbol, 24), h("p", null, text));
}

/* Lines out of sight have no height of their own before they are in it, and a screen none before it is whole: so once
 * more, when they have. */
function scroll(el: HTMLElement, to: () => number): void {
  el.scrollTop = to();
  requestAnimationFrame(() => { el.scrollTop = to(); });
}

export function toEnd(el: HTMLElement): void {
  scroll(el, () => el.scrollHeight);
}

function atEnd(el: HTMLElement): boolean {
  return el.scrollHeight - el.scrollTop - el.clientHeight < 24;
}

/* A pane that is scrolled to its end stays there when more comes. */
export function follow(el: HTMLElement, add: () => void): void {
  const at = atEnd(el);
  add();
  if (at)
    toEnd(el);
}

/* Something that leaves the page has no place to stand at. What is returned puts it where it stood, when it is there
 * again: at its end, though that has gone on, or as far down as it was. */
export function stands(el: HTMLElement): () => void {
  let end = true, y = 0;
  el.addEventListener("scroll", () => {
    if (el.isConnected) {
      end = atEnd(el);
      y = el.scrollTop;
    }
  });
  return () => {
    const to = y;
    scroll(el, () => end ? el.scrollHeight : to);
  };
}
