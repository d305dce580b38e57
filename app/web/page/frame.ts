/* The frame: the bar above and the bar below, which no service reaches. It says whose session this is, at which
 * instance, and draws from the hash of the instance's key a stripe that a person learns to recognise. What is asked
 * drops from it (ask.ts). */

import { approve, ask as renewAsk, logout, look, reset } from "./ask";
import { ring } from "./draw";
import * as format from "./format";
import { host } from "./host";
import { icon, mark } from "./icons";
import { menuOpen } from "./nav";
import * as palette from "./palette";
import * as store from "./store";
import { Child, h, live, set, svg } from "./view";
import * as wire from "./wire";

const STRIPES = 24;

/* A number that depends on all of a text. */
function hash(text: string, n: number): number {
  let x = 2166136261 ^ n;
  for (const c of text)
    x = Math.imul(x ^ c.charCodeAt(0), 16777619) >>> 0;
  return (x ^ (x >>> 13)) >>> 0;
}

/* The stripe of a key: blocks of eight colours, in an order that is its own. */
export function stripe(fingerprint: string): SVGElement {
  const blocks = Array.from({ length: STRIPES }, (_, i) =>
    svg("rect", { class: fingerprint ? `k${hash(fingerprint, i) % 8}` : "k", x: i * 10, y: 0, width: 10.5,
      height: 4 }));
  return svg("svg", { class: "stripe", viewBox: `0 0 ${STRIPES * 10} 4`, preserveAspectRatio: "none",
                      "aria-hidden": "true" }, blocks);
}

export function fingerprint(): string {
  return store.instance()?.fingerprint ?? "";
}

function who(): Child {
  const s = store.session.get();
  const at = store.instance();
  const where = at ? h("b", { class: "where" }, at.name || at.address) : null;
  if (!s)
    return at && store.methods.get() ? [h("span", { class: "m" }, "logging in to"), where, key()]
      : h("b", null, "capOS workspace");
  return [h("b", { class: "account" }, s.account || words(s.kind)),
          h("span", { class: "m as" }, s.profile ? `${s.profile} on` : "on"), where, key()];
}

function words(kind: string | undefined): string {
  return kind === "guest" ? "guest" : kind === "anonymous" ? "anonymous" : "nobody";
}

function key(): Child {
  const f = fingerprint();
  return f ? h("span", { class: "m mono key", title: f }, format.brief(f)) : null;
}

function lease(): Child {
  const s = store.session.get();
  if (!s)
    return null;
  if (store.ended.get())
    return h("span", { class: "state over" }, icon("cross", 14), "ended");
  if (store.upstream.get())
    return h("span", { class: "state warn" }, icon("plug", 14), "reconnecting");
  const ends = format.num(s.expiresAtMs), left = ends - store.clock.get();
  const all = Math.max(1, ends - format.num(s.startedAtMs));
  return h("span", { class: "lease num", title: `The lease ends ${format.moment(ends)}` }, ring(left / all, 18, 2.5),
           h("span", null, h("span", { class: "unseen" }, "Lease: "),
             left > 60_000 ? format.span(left - (left % 60_000)) : format.span(left),
             h("span", { class: "unseen" }, " left")));
}

function acts(): Child {
  if (!store.session.get())
    return null;
  const off = store.ended.get() !== null;
  return h("span", { class: "acts" },
    h("button", { type: "button", id: "renew", disabled: off, onclick: renewAsk }, "Renew"),
    h("button", { type: "button", id: "reset", class: "wide", disabled: off, onclick: reset }, "Reset layout"),
    h("button", { type: "button", id: "logout", disabled: off, onclick: logout }, "Log out"));
}

/* What agents of the person's wait for, in whatever session this is. */
function asked(): Child {
  const n = store.asks.get().length;
  return n ? h("button", { type: "button", id: "asked", class: "warn", onclick: approve,
    "aria-label": `${n} ${n === 1 ? "call" : "calls"} of agents to approve` },
  icon("alert", 14), h("span", { class: "num" }, n), h("span", { class: "wide" }, " to approve")) : null;
}

export function top(): HTMLElement {
  const bar = h("header", { class: "frame", "aria-label": "Frame" },
    h("button", { type: "button", class: "menu", id: "menu", "aria-label": "Menu", "aria-controls": "nav",
                  onclick: () => menuOpen.set(!menuOpen.peek()) }, icon("menu", 18)),
    mark(), live(h("div", { class: "who" }), who), h("span", { class: "sp" }),
    h("button", { type: "button", class: "find", id: "find", "aria-keyshortcuts": "Control+K", onclick: palette.open },
      icon("search", 14), h("span", null, "Find"), h("span", { class: "keys" }, "Ctrl K")),
    live(h("span", { class: "live", role: "status" }), asked), live(h("span", { class: "live" }), lease),
    live(h("span"), acts),
    live(h("div", { class: "stripe-room" }), () => stripe(fingerprint())));
  live(h("i"), () => {
    set(document.getElementById("menu") ?? bar, { "data-open": menuOpen.get() ? "yes" : "no" });
    document.getElementById("menu")?.setAttribute("aria-expanded", String(menuOpen.get()));
    return null;
  });
  return bar;
}

const LINES: { [state: string]: string } = {
  connecting: "connecting", open: "connected", offline: "the bridge cannot be reached", closed: "not let in",
  idle: "ended", lost: "let go", back: "handed back",
};

export function bottom(): HTMLElement {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  return live(h("footer", { class: "frame", "aria-label": "State" }), () => {
    const ms = wire.latency.get();
    const caps = (store.caps.get() ?? []).length - store.lost.get().size;
    return [
      h("span", { class: `dot ${wire.line.get()}` }, LINES[wire.line.get()]),
      host ? null : h("span", { class: "wide" }, `bridge on ${location.host}`),
      store.session.get() ? h("span", null, `${count(caps, "capabilit")
        .replace(/capabilits$/, "capabilities").replace(/capabilit$/, "capability")}, ${
        count(store.panes.get().size, "pane")}`) : null,
      ms >= 0 ? h("span", { class: "num wide" }, `${Math.max(1, Math.round(ms))} ms`) : null,
      h("span", { class: "sp" }),
      h("button", { type: "button", class: "quiet", id: "look", onclick: look }, "Look"),
    ];
  });
}
