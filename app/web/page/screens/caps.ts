/* Capabilities: what this session holds, and in a drawer what one of them can do, in its author's words. */

import * as format from "../format";
import { icon } from "../icons";
import { go } from "../nav";
import { faults, own, schemas, want } from "../schemas";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";

const shown = new Signal<string>("");

function row(c: WebDown_Cap): HTMLElement {
  const name = c.entry?.name ?? "";
  const state = store.lost.get().get(name) ?? "";
  const left = format.num(c.entry?.leaseExpiresAtMs) - store.clock.get();
  return h("tr", { class: `${state ? "gone " : ""}${shown.get() === name ? "current" : ""}`, id: `cap-${name}` },
    h("th", { scope: "row" }, h("button", { type: "button", class: "link", id: `show-${name}`,
                                            "aria-expanded": shown.get() === name, onclick: () => {
      shown.set(shown.get() === name ? "" : name);
      want(name);
    } }, name)),
    h("td", { class: "mono" }, c.interface), h("td", { class: "wide" }, c.entry?.transferPolicy),
    h("td", { class: "wide" }, h("bdi", null, c.entry?.title)),
    h("td", { class: state ? "n tone-bad" : "n num" }, state || format.left(left)));
}

const EFFECT: { [e in CommandEffect]: string } = {
  reads: "reads", own: "yours", shared: "seen by others", lasting: "lasting",
};

function method(cap: string, m: WebDown_Schema_Method, dead: boolean): HTMLElement {
  return h("li", { class: m.granted ? "method-row" : "method-row off" },
    h("div", { class: "line1" }, h("b", { class: "mono" }, m.name), h("span", { class: `tag ${m.effect}` },
      EFFECT[m.effect]),
      h("span", { class: "sp" }),
      m.granted ? h("button", { type: "button", class: "small", id: `call-${cap}-${m.name}`, disabled: dead,
        onclick: () => {
        store.target.set({ name: cap, handle: 0, method: m.name ?? "" });
        go("calls");
      } }, "Call") : h("span", { class: "m" }, "not granted")),
    m.line ? h("p", { class: "mono sig" }, m.line) : null,
    m.doc ? h("p", { class: "doc" }, h("bdi", null, m.doc)) : null);
}

const CONSENTS: [UiConsent, string][] = [["ask", "when I open them"], ["always", "with each session"],
                                         ["never", "never by itself"]];

function panes(name: string, dead: boolean): Child {
  const offer = store.offers.get().find((o) => o.service === name);
  const says = (e: Event): void => {
    wire.ask({ consent: { service: name, consent: (e.target as HTMLSelectElement).value as UiConsent } })
      .catch((x) => store.gone.set(x.message));
  };
  return offer ? h("div", { class: "line1" }, h("button", { type: "button", id: `panes-${name}`, disabled: dead,
    onclick: () => {
    wire.ask(offer.running ? { withdraw: name } : { offer: name }).catch((e) => store.gone.set(e.message));
    if (!offer.running)
      go("workspace");
  } }, offer.running ? "Close its panes" : "Open its panes"),
  h("select", { class: "quiet", id: `consent-${name}`, "aria-label": `Whether ${name} may open panes`,
                disabled: dead, value: offer.consent, onchange: says },
    CONSENTS.map(([v, words]) => h("option", { value: v }, words)))) : null;
}

function drawer(): Child {
  const name = shown.get();
  const c = (store.caps.get() ?? []).find((x) => x.entry?.name === name);
  const s = schemas.get().get(name);
  if (!c)
    return null;
  const dead = store.lost.get().has(name) || !!store.ended.get();
  return h("aside", { class: "drawer card", "aria-label": `Capability ${name}` },
    h("div", { class: "line1" }, h("h2", null, h("bdi", null, c.entry?.title || name)), h("span", { class: "sp" }),
      h("button", { type: "button", class: "quiet", "aria-label": "Close the drawer", onclick: () => shown.set("") },
        icon("cross", 14))),
    c.entry?.summary ? h("p", null, h("bdi", null, c.entry.summary)) : null,
    h("dl", { class: "facts" }, h("dt", null, "Name"), h("dd", { class: "mono" }, name),
      h("dt", null, "Interface"), h("dd", { class: "mono break" }, `${c.interface ?? ""} 0x${
        BigInt(c.entry?.interfaceId ?? 0).toString(16)}`),
      h("dt", null, "Passed on"), h("dd", null, c.entry?.transferPolicy === "services" ? "to services of this session"
        : "not at all")),
    panes(name, dead),
    s ? own(s).map((i) => [
      h("h3", { class: "mono" }, i.name), i.doc ? h("p", { class: "doc" }, h("bdi", null, i.doc)) : null,
      h("ul", { class: "method-rows" }, (i.methods ?? []).map((m) => method(name, m, dead)))])
      : faults.get().has(name) ? h("p", { class: "banner bad", role: "alert" }, icon("alert"), faults.get().get(name))
        : [h("div", { class: "skeleton-line" }), h("div", { class: "skeleton-line" })]);
}

function table(): Child {
  const all = store.caps.get();
  if (all === null)
    return [h("div", { class: "skeleton-line" }), h("div", { class: "skeleton-line" })];
  if (!all.length)
    return h("div", { class: "empty" }, icon("lock", 28), h("h2", null, "An empty bundle"),
             h("p", null, "This profile grants nothing."));
  return h("table", { id: "caps" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Name"),
    h("th", { scope: "col" }, "Interface"), h("th", { scope: "col", class: "wide" }, "Transfer"),
    h("th", { scope: "col", class: "wide" }, "Title"), h("th", { scope: "col", class: "n" }, "Lease"))),
  h("tbody", null, all.map(row)));
}

export function view(): Child {
  if (store.session.peek() && !store.ended.peek())
    wire.tell({ refresh: null });
  return h("div", { class: "screen split" }, h("div", { class: "main" }, h("h1", null, "Capabilities"),
    h("p", { class: "lead" }, "What this session holds: these, and nothing else."),
    live(h("div", { class: "card flush" }), table)), live(h("div", { class: "drawer-room" }), drawer));
}
