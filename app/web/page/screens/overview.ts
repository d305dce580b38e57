/* Overview: whose session this is and how it came to be, how long it has, how near it is to its bounds, what the
 * instance says of itself, and the account's other sessions. */

import { ring } from "../draw";
import * as format from "../format";
import { icon } from "../icons";
import { Picture } from "../kinds/chart";
import * as store from "../store";
import { Child, effect, h, live, Signal, svg } from "../view";
import * as wire from "../wire";
import * as passkeys from "./passkeys";

const REFRESH_MS = 5000, WINDOW_S = 120;

const motd = new Signal<string | null>(null);
const picture = new Picture("Calls per second", "rate");

/* "calls-across" → "Calls across". */
function title(name: string): string {
  const t = name.replace(/-/g, " ");
  return t.charAt(0).toUpperCase() + t.slice(1);
}

function amount(name: string, n: number): string {
  return name.includes("bytes") || name.includes("traversal") ? format.size(n) : format.big(n);
}

function bar(u: QuotaUse): HTMLElement {
  const limit = format.num(u.limit), used = format.num(u.used), most = format.num(u.most), name = u.name ?? "";
  const part = limit ? used / limit : 0;
  const peak = limit && most > used ? Math.min(1, most / limit) * 99 : -1;
  return h("li", { class: "quota" },
    h("span", { class: "q-name" }, title(name)),
    h("span", { class: "q-num num" }, h("b", null, amount(name, used)),
      limit ? ` of ${amount(name, limit)}` : ", without limit"),
    svg("svg", { class: `q-bar ${part > 0.9 ? "tone-bad" : part > 0.7 ? "tone-warning" : ""}`, viewBox: "0 0 100 6",
                 preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "track", x: 0, y: 0, width: 100, height: 6 }),
      svg("rect", { class: "part", x: 0, y: 0, width: (Math.min(1, part) * 100).toFixed(2), height: 6 }),
      peak >= 0 ? svg("rect", { class: "peak", x: peak.toFixed(2), y: 0, width: 0.8, height: 6 }) : null));
}

function quotas(s: SessionInfo): Child {
  const touched = (u: QuotaUse): boolean => format.num(u.used) > 0 || format.num(u.most) > 0;
  const all = s.use ?? [];
  const rest = all.filter((u) => !touched(u));
  return [h("h2", null, "Quotas"), h("ul", { class: "quotas" }, all.filter(touched).map(bar)),
          rest.length ? h("details", null, h("summary", null, `${rest.length} more, not used so far`),
                          h("ul", { class: "quotas" }, rest.map(bar))) : null];
}

function fact(name: string, value: Child): Child {
  return [h("dt", null, name), h("dd", null, value)];
}

function summary(s: SessionInfo): Child {
  const last = format.num(s.lastLoginAtMs);
  const at = store.instance();
  return [h("h2", null, "Session"), h("dl", { class: "facts" },
    fact("Account", h("b", { id: "session-account" }, s.account || "none")),
    fact("Profile", h("span", { id: "session-profile" }, s.profile)),
    fact("Logged in by", h("span", { id: "session-kind" }, format.words(s.kind ?? ""))),
    fact("From", h("span", { class: "mono" }, s.source)),
    fact("Transport", s.transport === "tls" ? "TLS" : s.transport),
    at?.fingerprint ? fact("Its key", h("span", { class: "mono break", id: "session-key" }, at.fingerprint)) : null,
    fact("Since", format.moment(format.num(s.startedAtMs))),
    last ? fact("Login before", `${format.moment(last)}, ${format.words(s.lastLoginKind ?? "")} from ${
      s.lastLoginFrom ?? "?"}`) : null,
    fact("Id", h("span", { class: "mono break" }, s.id)))];
}

function lease(s: SessionInfo): Child {
  const ends = format.num(s.expiresAtMs), begins = format.num(s.startedAtMs);
  const left = ends - store.clock.get();
  const over = !!store.ended.get();
  return [h("h2", null, "Lease"), h("div", { class: "big-ring" },
    ring(over ? 0 : left / Math.max(1, ends - begins), 156, 10),
    h("div", { class: "in-ring" }, h("strong", { class: "num" }, over ? "ended" : format.span(left)),
      h("span", { class: "m" }, over ? "" : "left"))),
  h("p", { class: "m num centred" }, `until ${format.moment(ends)}`)];
}

/* Calls of each second, by the records: they are replayed after a reload, so the curve is, too. */
function rate(): void {
  const to = Math.floor(store.clock.get() / 1000);
  const count = new Map<number, number>();
  for (const r of store.records.get()) {
    const at = Math.floor(format.num(r.atMs) / 1000);
    if (r.what === "call")
      count.set(at, (count.get(at) ?? 0) + 1);
  }
  const x = Array.from({ length: WINDOW_S }, (_, i) => (to - WINDOW_S + 1 + i) * 1000);
  picture.draw({ style: "area", time: true, unit: "perSecond", keep: WINDOW_S, series: [
    { key: "calls", label: "Calls", tone: "neutral", x, y: x.map((t) => count.get(t / 1000) ?? 0) }] });
}

function greets(): WebDown_Cap | undefined {
  return (store.caps.get() ?? []).find((c) => c.interface === "SystemInfo");
}

function message(): Child {
  const m = motd.get();
  return greets() ? h("p", { class: "motd", id: "motd" }, icon("message"), m === null
    ? h("span", { class: "skeleton-line", role: "img", "aria-label": "Loading" })
    : h("bdi", null, m || "The instance has no message today.")) : null;
}

/* Each session is told it, and each line of a page: what was asked on one that has dropped is nothing to this one. */
const whose = new Signal<string>("");
let asked = "";

function ask(): void {
  const c = greets(), now = whose.get();
  if (!c || !now || asked === now || !store.alive())
    return;
  asked = now;
  void store.call({ name: c.entry?.name ?? "", handle: 0 }, "motd", "{}").then((x) => {
    const r = x.result.peek(), f = x.failure.peek();
    if (now !== whose.peek() || f?.code === "bridge.offline") /* it is asked anew on the next line */
      return;
    const out = r ? JSON.parse(r.json || "{}") as { [name: string]: unknown } : {};
    motd.set(r ? String(Object.values(out).find((v) => typeof v === "string") ?? "")
      : `Refused: ${f?.code || f?.text || "nobody has said why"}`);
  });
}

function end(id: string): void {
  void wire.ask({ endSession: id }).then(() => wire.ask({ sessions: null })).catch((e) => store.gone.set(e.message));
}

function others(): Child {
  const all = store.sessions.get();
  const now = store.clock.get();
  if (!store.session.get()?.account)
    return null;
  return h("section", { class: "card" }, h("h2", null, "Your sessions"), all === null
    ? h("div", { class: "skeleton-line" })
    : h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Your sessions" }, h("table", null,
      h("thead", null, h("tr", null, ["Profile", "By", "From", "Since", "Lease"].map((n) => h("th", { scope: "col" },
        n)),
        h("th", { scope: "col" }, h("span", { class: "unseen" }, "End")))),
      h("tbody", null, all.map((s) => {
        const begins = format.num(s.startedAtMs), ends = format.num(s.expiresAtMs);
        return h("tr", null, h("td", null, s.profile), h("td", null, format.words(s.kind ?? "")),
          h("td", { class: "mono" }, s.source), h("td", { class: "num" }, format.moment(begins)),
          h("td", { class: "num" }, ring((ends - now) / Math.max(1, ends - begins), 16, 2.5), " ",
            format.span(ends - now)),
          h("td", { class: "n" }, s.current ? h("span", { class: "badge on" }, "this one")
            : h("button", { type: "button", class: "small danger", id: `end-${s.id}`, onclick: () => end(s.id ?? "") },
                "End")));
      })))),
  (all ?? []).length > 1 ? h("p", null, h("button", { type: "button", class: "quiet", id: "end-others",
                                                      onclick: () => end("") }, "End all others")) : null);
}

let timer = 0;

/* What the screen says is fresh while somebody looks at it. */
export function begin(): void {
  effect(() => {
    const s = store.session.get(), id = s ? `${store.greet.get()?.nonce} ${s.id}` : "";
    if (id !== whose.peek())
      motd.set(null);
    whose.set(id);
  });
}

export function view(): Child {
  clearInterval(timer);
  timer = window.setInterval(() => {
    if (!document.getElementById("overview"))
      clearInterval(timer);
    else if (store.session.peek() && !store.ended.peek() && !document.hidden)
      wire.tell({ refresh: null });
  }, REFRESH_MS);
  effect(ask);
  effect(() => {
    if (store.alive() && store.session.get()?.account && !store.sessions.get())
      wire.tell({ sessions: null });
  });
  effect(rate);
  const info = (): SessionInfo => store.session.get() as SessionInfo;
  return h("div", { class: "screen", id: "overview" }, h("h1", null, "Overview"), live(h("div"), message),
    h("div", { class: "tiles" },
      live(h("section", { class: "card" }), () => info() && summary(info())),
      live(h("section", { class: "card lease-card" }), () => info() && lease(info())),
      h("section", { class: "card rate-card" }, h("h2", null, "Calls per second"), picture.el),
      live(h("section", { class: "card" }), () => info() && quotas(info())),
      live(h("div", { class: "across" }), others), passkeys.card()));
}
