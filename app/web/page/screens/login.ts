/* Log in: each method with its truthful state, then the steps of its flow; the same again for a renewal. */

import { closeRenewal } from "../ask";
import * as format from "../format";
import { stripe } from "../frame";
import { host } from "../host";
import { icon } from "../icons";
import { away } from "../nav";
import * as passkey from "../passkey";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";
import * as passkeys from "./passkeys";

export const complaint = new Signal<string>("");
const chosen = new Signal<RemoteAuthKind | "enrol" | null>(null);
const busy = new Signal<boolean>(false);
let now = 0; /* which login is under way: one that was given up has nothing more to say */
let typed = ""; /* the account, as it was typed in this tab: a refusal does not take it away */

const ICONS: { [k in RemoteAuthKind]: string } = {
  passkey: "finger", password: "lock", publicKey: "key", oidcDeviceCode: "globe", oidcAuthorizationCodePkce: "globe",
  mtlsClientCert: "shield", guest: "person", anonymous: "people", serviceCredential: "tool",
};
const NAMES: { [k in RemoteAuthKind]: string } = {
  passkey: "Passkey", password: "Password", publicKey: "SSH key", oidcDeviceCode: "Another device",
  oidcAuthorizationCodePkce: "Identity provider", mtlsClientCert: "Certificate", guest: "Guest", anonymous: "Anonymous",
  serviceCredential: "Service credential",
};
const ORDER: RemoteAuthKind[] = ["passkey", "password", "publicKey", "oidcAuthorizationCodePkce", "oidcDeviceCode",
                                 "mtlsClientCert", "serviceCredential", "guest", "anonymous"];
const NEEDS_ACCOUNT = new Set<RemoteAuthKind>(["password", "publicKey"]);
const IN_BROWSER = new Set<RemoteAuthKind>(["passkey", "oidcAuthorizationCodePkce"]); /* a window has no way to them */
const NOBODY = new Set<RemoteAuthKind>(["guest", "anonymous"]);

const CODES: { [code: string]: string } = {
  "denied.credentials": "That did not convince the instance. The name or the secret is wrong; it does not say which.",
  "denied.method-disabled": "The instance does not offer this now.",
  "denied.profile": "There is no such profile for you, or not by this method.",
  "denied.flow": "This login is over: it took too long, or was given up.",
  "denied.weak-proof": "A renewal needs a proof that is as strong as the one that made the session.",
};

export function complain(e: unknown): void {
  const r = e instanceof wire.Refused ? e : null;
  const wait = r?.code === "denied.backoff" ? /\d+/.exec(r.text)?.[0] : null;
  const own = r?.text.startsWith(`${r.code}: `) ? r.text.slice(r.code.length + 2) : "";
  busy.set(false);
  store.step.set(null);
  if (wait)
    complaint.set(`Too many failures. Try again in ${wait} seconds.`);
  else if (r && own) /* it knows better than the words for its code */
    complaint.set(`The instance says: ${own} (${r.code})`);
  else
    complaint.set(r ? (CODES[r.code] ? `${CODES[r.code]} (${r.code})` : r.message) : String(e));
}

function settled(): void {
  busy.set(false);
  complaint.set("");
  chosen.set(null);
  typed = "";
  passkeys.clear();
  closeRenewal();
}

export function giveUp(): void {
  now++;
  passkey.stop();
  wire.tell({ giveUp: null });
  store.step.set(null);
  busy.set(false);
}

function stepped(s: WebDown_Step): void {
  const mine = now;
  busy.set(s.wants === "nothing");
  if (s.wants === "passkey")
    passkey.get(s).then((json) => wire.ask({ passkey: json })).catch((e) => {
      if (mine !== now)
        return;
      giveUp();
      complain(e);
    });
}

/* Asks for it; between that and its end there may be steps. */
function start(login: wire.Sent<WebUp_Login>, renews: boolean): void {
  const mine = ++now;
  complaint.set("");
  busy.set(true);
  store.enter(renews ? { renew: login } : { login }, stepped).then(settled, (e) => {
    if (mine === now)
      complain(e);
  });
}

function field(id: string, label: string, control: HTMLElement, help = ""): HTMLElement {
  return h("div", { class: "field" }, h("label", { for: id }, label), control,
           help ? h("span", { class: "help" }, help) : null);
}

function choice(id: string, values: string[], first: string): HTMLSelectElement | null {
  return values.length ? h("select", { id }, first ? h("option", { value: "" }, first) : null,
                           values.map((v) => h("option", { value: v }, v))) : null;
}

/* What a method asks for before it begins. */
function form(m: RemoteAuthMethod, renews: boolean): Child {
  const kind = m.kind;
  const mine = store.session.peek()?.account ?? "";
  const account: HTMLInputElement = h("input", { type: "text", id: "account",
                                                 autocomplete: kind === "password" ? "username" : "off",
                               required: true, spellcheck: "false", value: renews ? mine : typed, readonly: renews,
                               oninput: () => { typed = account.value; } });
  const secret = h("input", { type: "password", id: "secret", autocomplete: "current-password", required: true });
  const profile = choice("profile", m.profileHints ?? [], renews ? "the same" : "the usual one");
  const issuer = (m.issuers?.length ?? 0) > 1 ? choice("issuer", m.issuers ?? [], "") : null;
  const keys = store.methods.peek()?.keys ?? [];
  const key = h("select", { id: "key" }, keys.map((k) =>
    h("option", { value: k.fingerprint }, k.comment || format.brief(k.fingerprint ?? ""))));
  const others = h("input", { type: "checkbox", id: "others" });
  const needs = NEEDS_ACCOUNT.has(kind);
  if (host && IN_BROWSER.has(kind))
    return passkeys.elsewhere(kind === "passkey" ? "A passkey is used in a browser"
      : "The provider's page is opened in a browser");
  if (kind === "publicKey" && !keys.length)
    return h("p", { class: "m" }, host ? "There is no key: neither in the ssh-agent nor in ~/.ssh. Name one with " +
      "--identity." : "The bridge's ssh-agent holds no key. Add one with ssh-add where the bridge runs.");
  return h("form", { class: "method-form", onsubmit: (e: Event) => {
    e.preventDefault();
    const login = { kind, account: needs ? account.value : "",
                    secret: kind === "password" && !host ? secret.value : "",
                    profile: profile?.value ?? "", issuer: issuer?.value ?? m.issuers?.[0] ?? "",
                    key: kind === "publicKey" ? key.value : "", endOthers: others.checked };
    secret.value = "";
    start(login, renews);
  } },
  needs ? field("account", "Account", account) : null,
  kind === "password" && !host ? field("secret", "Password", secret) : null,
  kind === "publicKey" ? field("key", "Key", key, host ? "of the ssh-agent, or a file" : "from the bridge's ssh-agent")
    : null,
  issuer ? field("issuer", "Provider", issuer) : null,
  profile ? field("profile", "Profile", profile) : null,
  needs && !renews ? h("div", { class: "field flag" }, others,
                       h("label", { for: "others" }, "End my other sessions")) : null,
  h("button", { type: "submit", class: "go big", id: "login", disabled: busy.get() },
    busy.get() ? "One moment …" : renews ? "Renew" : kind === "passkey" ? "Use a passkey" : "Log in"));
}

/* The next thing to do is to log in by it. */
function registered(): void {
  chosen.set("passkey");
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById("choose-passkey")?.focus()));
}

function choose(id: RemoteAuthKind | "enrol", symbol: string, name: string, body: () => Child): HTMLElement {
  const open = chosen.get() === id;
  return h("li", { class: open ? "method open" : "method", id: `method-${id}` },
    h("button", { type: "button", class: "choose", id: `choose-${id}`, "aria-expanded": open, onclick: () => {
      complaint.set("");
      chosen.set(open ? null : id);
    } }, icon(symbol), h("span", { class: "title" }, name), icon(open ? "down" : "right", 14)),
    open ? body() : null);
}

/* Why a method cannot be used here; "": it can. */
function unfit(m: RemoteAuthMethod): string {
  if (m.state !== "enabled")
    return m.reason || "not offered";
  if (m.kind === "serviceCredential")
    return "It is for programs: no person logs in so.";
  return m.kind === "passkey" ? passkey.unusable(m) : "";
}

function usable(m: RemoteAuthMethod): boolean {
  return !unfit(m);
}

function method(m: RemoteAuthMethod, renews: boolean): HTMLElement {
  const name = m.label || NAMES[m.kind];
  if (usable(m))
    return choose(m.kind, ICONS[m.kind], name, () => form(m, renews));
  return h("li", { class: "method off", id: `method-${m.kind}` }, icon(ICONS[m.kind]), h("span", { class: "main" },
    h("span", { class: "title" }, name), h("span", { class: "detail" }, unfit(m))));
}

function countdown(s: WebDown_Step): Child {
  const ends = format.num(s.expiresAtMs);
  return ends ? live(h("p", { class: "m num", role: "timer" }), () => {
    const left = ends - store.clock.get();
    return left > 0 ? `This takes at most ${format.span(left)} more.` : "The time for this is over.";
  }) : null;
}

function answer(s: WebDown_Step): Child {
  const input = h("input", { type: s.redaction ? "password" : "text", id: "answer", required: true,
    autocomplete: "off" });
  return h("form", { class: "method-form", onsubmit: (e: Event) => {
    e.preventDefault();
    const text = input.value;
    input.value = "";
    busy.set(true);
    wire.ask({ answer: text }).catch(complain);
  } }, field("answer", s.redaction ? "Secret" : "Answer", input),
  h("button", { type: "submit", class: "go big" }, "Go on"));
}

/* A step of the flow, as the instance words it. */
function stepView(s: WebDown_Step): Child {
  const waits = s.wants === "nothing" || s.wants === "elsewhere" || s.wants === "redirect";
  return h("div", { class: "step-card", id: "step" },
    s.prompt ? h("p", { class: "prompt" }, h("bdi", null, s.prompt)) : null,
    s.userCode ? h("p", { class: "user-code mono", "aria-label": "Code to enter there" }, s.userCode) : null,
    s.url ? h("p", null, away(s.url, s.wants === "elsewhere" ? "Open the page for the code" : "Go to the provider"))
      : null,
    s.wants === "answer" ? answer(s) : null,
    s.wants === "passkey" ? h("p", { class: "waiting" }, icon("finger", 28),
      "Your device asks for your passkey.") : null,
    waits ? h("p", { class: "waiting", role: "status" }, h("span", { class: "spinner" }),
              s.wants === "nothing" ? "The instance is at work." : "Waiting until you have agreed there.") : null,
    countdown(s),
    h("button", { type: "button", id: "give-up", onclick: giveUp }, "Give up"));
}

function all(renews: boolean): Child {
  const m = store.methods.get()?.methods ?? [];
  const rank = (x: RemoteAuthMethod): number => (usable(x) ? 0 : 100) + ORDER.indexOf(x.kind);
  const list = m.filter((x) => !renews || (usable(x) && !NOBODY.has(x.kind))).sort((a, b) => rank(a) - rank(b));
  const enrols = !renews && m.some((x) => x.kind === "passkey" && usable(x));
  const on = list.filter(usable), off = list.filter((x) => !usable(x));
  return h("ul", { class: "methods" }, on.map((x) => method(x, renews)),
           enrols ? choose("enrol", "key", "Register a passkey with a code",
                           () => host ? passkeys.elsewhere("A passkey is registered in a browser")
                             : passkeys.byCode(registered)) : null,
           off.map((x) => method(x, renews)));
}

function alert(): Child {
  return complaint.get() ? h("p", { class: "banner bad", role: "alert", id: "complaint" }, icon("alert"),
    complaint.get())
    : null;
}

/* In the sheet of the frame. */
export function renewal(): Child {
  const s = store.step.get();
  return [alert(), s ? stepView(s) : all(true)];
}

function disconnect(): void {
  complaint.set("");
  chosen.set(null);
  typed = "";
  store.leave().catch(complain);
}

export function view(): Child {
  return h("div", { class: "screen login" }, h("h1", null, "Log in"),
    live(h("div", { class: "at" }), () => {
      const i = store.instance();
      return i ? [stripe(i.fingerprint ?? ""), h("p", null, h("b", null, h("bdi", null, i.name || i.address)), " ",
                                                 h("span", { class: "m mono" }, i.address)),
                  h("p", { class: "m mono break" }, i.fingerprint || format.noKey(i.transport))] : null;
    }),
    live(h("div"), () => {
      const s = store.step.get();
      return [alert(), s ? stepView(s) : [chosen.get() === "passkey" ? passkeys.news() : null, all(false)]];
    }),
    h("p", null, h("button", { type: "button", class: "quiet", id: "back", onclick: disconnect }, "Another instance")));
}
