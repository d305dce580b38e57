/* The workspace: panes where the layout tree says (lib/ui decides it, this only draws), and the size that it has. */

import { icon } from "../icons";
import * as pane from "../pane";
import * as store from "../store";
import { Child, effect, h, keeping, replace, vars } from "../view";
import * as wire from "../wire";

const COLUMN_PX = 8.4, ROW_PX = 20;

interface Built { node: WebDown_Layout_Node; build: () => HTMLElement }

const room = h("div", { class: "room-of-panes" });
let drawn = "";

function tabs(children: Built[], front: number): HTMLElement {
  const names = children.map((c) => store.panes.peek().get(c.node.surface)?.info);
  const bring = (i: number): void => wire.tell({ act: { surface: children[i].node.surface, show: null } });
  return h("div", { class: "tabs" },
    h("div", { role: "tablist", onkeydown: (e: KeyboardEvent) => {
      const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
      if (step)
        bring((Math.max(0, front) + step + children.length) % children.length);
    } }, names.map((n, i) => h("button", {
      type: "button", role: "tab", id: `tab-${children[i].node.surface}`, "aria-selected": i === front,
      tabindex: i === Math.max(0, front) ? 0 : -1, onclick: () => bring(i),
    }, h("span", { class: "service" }, n?.serviceTitle || n?.service), " ", h("bdi", null, n?.title)))),
    front >= 0 ? children[front]?.build() : null);
}

/* One node and what is below it; nodes come root first. */
function build(nodes: WebDown_Layout_Node[], at: { i: number }): Built {
  const node = nodes[at.i++];
  const children = Array.from({ length: node.children }, () => build(nodes, at));
  return { node, build: () => {
    const el = node.kind === "pane" ? pane.element(node.surface) ?? h("div")
      : node.kind === "tabs" ? tabs(children, node.front)
        : h("div", { class: node.kind }, children.map((c) => c.build()));
    vars(el, { weight: node.weight || 1 });
    return el;
  } };
}

function nothing(): Child {
  const offers = store.offers.get().filter((o) => !store.lost.get().has(o.service ?? ""));
  if (store.upstream.get())
    return h("div", { class: "empty" }, icon("plug", 28), h("h2", null, "No panes just now"),
             h("p", null, "They come again with the line to the instance, and so does what you have typed."));
  if (!offers.length)
    return h("div", { class: "empty" }, icon("grid", 28), h("h2", null, "No panes"),
             h("p", null, "None of this session's services composes panes. Its capabilities can be called."));
  return h("div", { class: "empty" }, icon("grid", 28), h("h2", null, "No panes yet"),
    h("p", null, "Open the panes of a service:"), h("div", { class: "choices" }, offers.map((o) => h("button", {
      type: "button", class: o.running ? "" : "go", id: `open-${o.service}`,
      onclick: () => void wire.ask({ offer: o.service }).catch((e) => store.gone.set(String(e.message))) },
    o.title || o.service))));
}

/* A tree whose panes are all here, else what there is in a column. */
function tree(l: WebDown_Layout | null): Child {
  const nodes = l?.nodes ?? [];
  if (nodes.some((n) => n.kind === "pane"))
    return build(nodes, { i: 0 }).build();
  return h("div", { class: "rows" }, [...store.panes.peek().keys()].map((s) => pane.element(s)));
}

function paint(): void {
  const l = store.layout.get(), all = store.panes.get();
  const want = JSON.stringify([l, [...all.keys()], all.size ? 0 : [store.offers.get(), [...store.lost.get()],
                                                                   !!store.upstream.get()]]);
  pane.tidy();
  if (want === drawn && room.firstChild)
    return;
  drawn = want;
  const scrolls = [...room.querySelectorAll<HTMLElement>("*")].filter((e) => e.scrollTop > 0)
    .map((e) => [e, e.scrollTop] as const);
  keeping(room, () => replace(room, all.size ? tree(l) : nothing())); /* a tree takes its panes out of the last one */
  for (const [e, y] of scrolls)
    e.scrollTop = y;
}

function measure(): void {
  const main = document.getElementById("main");
  if (main && main.clientWidth)
    wire.tell({ size: { columns: Math.max(20, Math.min(400, Math.round(main.clientWidth / COLUMN_PX))),
                        rows: Math.max(10, Math.min(200, Math.round(main.clientHeight / ROW_PX) + 2)) } });
}

export function begin(): void {
  let later = 0;
  effect(paint);
  effect(() => {
    if (store.session.get() && wire.line.get() === "open")
      requestAnimationFrame(measure);
  });
  addEventListener("resize", () => { clearTimeout(later); later = window.setTimeout(measure, 150); });
}

export function view(): Child {
  return [h("h1", { class: "unseen" }, "Workspace"), room];
}
