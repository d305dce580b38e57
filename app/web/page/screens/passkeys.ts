/* A new passkey: by a code, before there is a session, or from the session that there is. */

import { icon } from "../icons";
import * as passkey from "../passkey";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";

/* One is being made; what came of the last: words, and whether it is one. */
const busy = new Signal<boolean>(false);
const said = new Signal<{ text: string; good: boolean } | null>(null);
let code = "", label = "this device"; /* as typed: a refusal does not take them away */

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
    const d = await wire.ask({ enrol: { code: code.trim(), label } });
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

/* On the login screen. done: it is there, to log in by. */
export function byCode(done: () => void): Child {
  return form("code", "Whoever runs the instance gives you a code: capos account passkey code NAME.", done);
}

/* What is said of the last one, after its form has gone. */
export function news(): Child {
  return said.get()?.good ? outcome() : null;
}

/* On the overview: an account's session may add one, soon after it was proved. It is drawn once: what is being typed
 * is not to be drawn anew whenever the session is said anew. */
export function card(): Child {
  const m = (store.methods.peek()?.methods ?? []).find((x) => x.kind === "passkey");
  if (!store.session.peek()?.account || store.ended.peek() || !m || m.state !== "enabled")
    return null;
  const why = passkey.unusable(m);
  return h("section", { class: "card across", id: "passkeys" }, h("h2", null, "Another passkey"),
    why ? h("p", { class: "m", id: "no-passkeys" }, why)
      : form("session", "For another device or key, within five minutes after you have logged in or renewed.",
             () => undefined));
}
