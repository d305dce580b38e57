/* Passkeys: a new one by a code, before there is a session; in a session those of the account, of which each can be
 * taken away, and another one. */

import * as format from "../format";
import { host } from "../host";
import { icon } from "../icons";
import * as passkey from "../passkey";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";

/* One is being made; what came of the last: words, and whether it is one. */
const busy = new Signal<boolean>(false);
const said = new Signal<{ text: string; good: boolean } | null>(null);
let code = "", label = "this device"; /* as typed: a refusal does not take them away */

const removing = new Signal<string>(""); /* asked for, and not yet meant */

const CODES: { [code: string]: string } = {
  "denied.flow": "This took too long, or was done already. Begin again.",
};

export function clear(): void {
  said.set(null);
  code = "";
}

function fails(e: unknown): void {
  const r = e instanceof wire.Refused ? e : null;
  busy.set(false);
  const text = r ? r.text.replace(`${r.code}: `, "") : e instanceof Error ? e.message : String(e);
  said.set({ good: false, text: r ? `${CODES[r.code] ?? text} (${r.code})` : text });
}

async function enrol(done: () => void): Promise<void> {
  busy.set(true);
  said.set(null);
  try {
    const d = await store.enter({ enrol: { code: code.trim(), label } });
    await wire.ask({ enrolled: await passkey.create(d.enrolment as PasskeyOptions) });
    busy.set(false);
    code = "";
    said.set({ good: true, text: "The passkey is registered. From now on it logs you in." });
    done();
  } catch (e) {
    fails(e);
  }
}

function field(id: string, name: string, control: HTMLElement, help: string): HTMLElement {
  return h("div", { class: "field" }, h("label", { for: id }, name), control, help ? h("span", { class: "help" }, help)
    : null);
}

function outcome(): Child {
  const s = said.get();
  return s ? h("p", { class: s.good ? "banner good" : "banner bad", role: s.good ? "status" : "alert",
                      id: "enrol-outcome" }, icon(s.good ? "check" : "alert"), s.text) : null;
}

function form(by: "code" | "session", words: string, done: () => void): HTMLElement {
  const typed: HTMLInputElement = h("input", { type: "text", id: "enrol-code", required: true, autocomplete: "off",
    spellcheck: "false", value: code, oninput: () => { code = typed.value; } });
  const name: HTMLInputElement = h("input", { type: "text", id: "enrol-label", value: label, maxlength: 64,
    oninput: () => { label = name.value; } });
  return h("form", { class: "method-form", onsubmit: (e: Event) => {
    e.preventDefault();
    if (by === "session")
      code = "";
    void enrol(done);
  } },
  h("p", { class: "m" }, words), live(h("div"), outcome),
  by === "code" ? field("enrol-code", "Code", typed, "It is good once, for ten minutes.") : null,
  field("enrol-label", "Name of the passkey", name, "By it you tell your passkeys apart."),
  live(h("div"), () => h("button", { type: "submit", class: "go big", id: "enrol",
                                     disabled: busy.get() || !!store.ended.get() },
    busy.get() ? "Your device asks you …" : "Register a passkey")));
}

/* In a window: what a browser has to do. The session that comes of it is the window's. */
export function elsewhere(what: string): Child {
  const note = new Signal<string>("");
  return h("div", { class: "method-form" },
    h("p", { class: "m" }, `${what}: yours is opened, on a page of its own. Log in there, and go on here.`),
    h("button", { type: "button", class: "go big", id: "to-browser", onclick: () => {
      note.set("");
      wire.ask({ browser: null }).then(() => note.set("Your browser goes on."), (e) => note.set(e.message));
    } }, "Open the browser"),
    live(h("p", { class: "m", role: "status" }), () => note.get()));
}

/* On the login screen. done: it is there, to log in by. */
export function byCode(done: () => void): Child {
  return form("code", "Whoever runs the instance gives you a code: capos account passkey code NAME.", done);
}

/* What is said of the last one, after its form has gone. */
export function news(): Child {
  return said.get()?.good ? outcome() : null;
}

function remove(id: string): void {
  removing.set("");
  said.set(null);
  wire.ask({ removePasskey: id }).then(() => wire.ask({ passkeys: null })).catch((e) => {
    if (!(e instanceof wire.Refused && e.code === "denied.stale-session")) /* else that it has ended is said above */
      fails(e);
  });
}

function act(k: AccountPasskey): Child {
  const id = k.id ?? "", off = !!store.ended.get();
  if (removing.get() !== id)
    return h("button", { type: "button", class: "small", disabled: off, onclick: () => removing.set(id),
                         "aria-label": `Remove ${k.label || "the passkey"}`, "data-remove": id }, "Remove");
  return [h("button", { type: "button", class: "small danger", disabled: off, "data-remove": id,
                        onclick: () => remove(id) }, k.current ? "Remove it, and end this session" : "Remove it"),
          h("button", { type: "button", class: "small quiet", onclick: () => removing.set("") }, "Keep")];
}

function one(k: AccountPasskey): HTMLElement {
  const used = format.num(k.usedAtMs);
  return h("li", { "data-key": k.id ?? "" }, icon("key", 14), h("b", { class: "main" }, h("bdi", null, k.label ||
    format.brief(k.id ?? ""))), k.current ? h("span", { class: "badge on" }, "this session") : null,
  h("span", { class: "m" }, `registered ${format.moment(format.num(k.madeAtMs))}, ${
    used ? `used ${format.moment(used)}` : "not used yet"}`), act(k));
}

function ask(): void {
  wire.ask({ passkeys: null }).catch(() => undefined); /* an instance that does not tell has none to show */
}

/* On the overview: what the account has, and, soon after it was proved, what it may have more. It is drawn once: what
 * is being typed is not to be drawn anew whenever the session is said anew. */
export function card(): Child {
  const m = (store.methods.peek()?.methods ?? []).find((x) => x.kind === "passkey");
  if (!store.session.peek()?.account || store.ended.peek() || !m || m.state !== "enabled")
    return null;
  const why = passkey.unusable(m);
  if (!store.passkeys.peek())
    ask();
  return h("section", { class: "card across", id: "passkeys" }, h("h2", null, "Your passkeys"),
    live(h("div"), () => {
      const all = store.passkeys.get();
      return !all ? null : all.length ? h("ul", { class: "history", id: "own-passkeys" }, all.map(one))
        : h("p", { class: "m" }, "The account has none so far.");
    }),
    host ? elsewhere("A passkey is registered in a browser")
      : why ? [h("p", { class: "m", id: "no-passkeys" }, why), live(h("div"), outcome)]
      : form("session", "Another one, for another device or key, within five minutes after you have logged in or " +
        "renewed. Removing one takes the same.", ask));
}
