/* What the host asks: a sheet that drops from the frame across its lower edge and dims the workspace, never a part of a
 * pane. It carries the stripe of the instance's key. For its first half second it takes no key and no click, so that
 * nothing is answered that was not yet seen; what is focused is always the answer that does nothing. */

import { fingerprint, stripe } from "./frame";
import * as format from "./format";
import { host } from "./host";
import { icon } from "./icons";
import * as scheme from "./look";
import * as login from "./screens/login";
import * as store from "./store";
import { Child, effect, h, live, replace } from "./view";
import * as wire from "./wire";

const DEAF_MS = 500;

/* refuse: a third answer; of: what it is about, without which it is over. */
interface Sheet { title: string; tone?: string; body: Child; yes?: string; no: string; deafMs: number;
                  answer: (yes: boolean) => void; refuse?: () => void; of?: WebDown_Ask }

const dialog = h("dialog", { class: "sheet", "aria-labelledby": "sheet-title", id: "sheet" });
let deafUntil = 0;
let now: Sheet | null = null;
let before: HTMLElement | null = null;

function deaf(): boolean {
  return performance.now() < deafUntil;
}

function done(yes: boolean | "refuse"): void {
  const s = now;
  if (!s || deaf())
    return;
  hide();
  if (yes === "refuse")
    s.refuse?.();
  else
    s.answer(yes);
}

function hide(): void {
  now = null;
  dialog.close();
  before?.focus();
}

function show(s: Sheet): void {
  now = s;
  deafUntil = performance.now() + s.deafMs;
  before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  replace(dialog, stripe(fingerprint()), h("div", { class: `asks ${s.tone ?? ""}` },
    h("h2", { id: "sheet-title" }, s.title), s.body,
    h("div", { class: "answers" },
      h("button", { type: "button", id: "sheet-no", onclick: () => done(false) }, s.no),
      s.refuse ? h("button", { type: "button", id: "sheet-refuse", onclick: () => done("refuse") }, "Refuse") : null,
      s.yes ? h("button", { type: "button", class: "go", id: "sheet-yes", onclick: () => done(true) }, s.yes) : null)));
  if (s.deafMs) {
    dialog.dataset.deaf = "yes";
    setTimeout(() => { dialog.dataset.deaf = ""; }, s.deafMs);
  }
  if (!dialog.open)
    dialog.showModal();
  document.getElementById("sheet-no")?.focus();
}

for (const name of ["keydown", "click", "pointerdown", "submit"])
  dialog.addEventListener(name, (e) => {
    if (deaf() && !(e instanceof KeyboardEvent && e.key === "Tab")) {
      e.preventDefault();
      e.stopImmediatePropagation();
    }
  }, true);
dialog.addEventListener("cancel", (e) => {
  e.preventDefault();
  done(false);
});

const EFFECTS: { [e in CommandEffect]: string } = {
  reads: "It only reads.", own: "It changes what you alone see.", shared: "Others will see it.",
  lasting: "It cannot be undone, or acts on the world outside.",
};

function command(p: WebDown_Prompt): Child {
  return [
    h("p", { class: "what" }, h("b", null, p.serviceTitle || p.service), " wants to run ", h("b", null, p.what)),
    h("dl", { class: "facts" },
      h("dt", null, "Calls"), h("dd", { class: "mono" }, `${p.capability ?? ""} · ${p.method ?? ""}`),
      (p.arguments ?? []).map((a) => [h("dt", null, a.path), h("dd", { class: "mono" }, h("bdi", null, a.value),
        a.constant ? h("span", { class: "m" }, " set by the service") : null)]),
      h("dt", null, "As"), h("dd", null, p.account || "nobody")),
    h("p", { class: p.effect === "lasting" ? "effect tone-warning" : "effect" }, icon("alert", 14), EFFECTS[p.effect]),
  ];
}

const TITLES: { [k in WebDown_Prompt_Kind]: string } = {
  command: "Run this?", layout: "Keep this place?", look: "Keep this look?", theme: "Change the look of everything?",
  offer: "Let this service open panes?",
};

function prompted(p: WebDown_Prompt): Sheet {
  return {
    title: TITLES[p.kind], deafMs: p.deafMs || DEAF_MS, no: "No", yes: p.kind === "command" ? "Run it" : "Allow",
    body: p.kind === "command" ? command(p) : (p.text ?? "").split("\n").map((t) => h("p", null, t)),
    answer: (yes) => wire.tell({ confirm: { prompt: p.prompt, yes } }),
  };
}

function known(k: WebDown_Key): Sheet {
  const changed = !!k.known;
  return {
    title: changed ? "This instance has another key than it had" : "Is this the instance you mean?",
    tone: changed ? "danger" : "", deafMs: DEAF_MS, no: changed ? "Leave it" : "No",
      yes: changed ? "It is still it" : "It is the one",
    body: [
      changed ? h("p", { class: "tone-bad" },
        "Either its key was replaced, or somebody is between you and it. Ask whoever " +
                                              "runs it before you go on.")
        : h("p", null, "This browser has not met it before. Compare the fingerprint with what its " +
        "operator has told you."),
      h("dl", { class: "facts" }, h("dt", null, "Address"), h("dd", { class: "mono" }, k.address),
        h("dt", null, "Fingerprint"), h("dd", { class: "mono break" }, k.fingerprint),
        k.words ? [h("dt", null, "In words"), h("dd", null, k.words)] : null,
        changed ? [h("dt", null, "Known so far"), h("dd", { class: "mono break" }, k.known)] : null)],
    answer: (yes) => { store.unknownKey.set(null); void wire.ask({ trust: yes }).catch(login.complain); },
  };
}

/* The prompt that stands, the key that is asked about, or nothing. */
export function begin(): HTMLElement {
  let shown: unknown = null;
  effect(() => {
    const p = store.prompt.get(), k = store.unknownKey.get();
    const want = p ?? k;
    if (want === shown)
      return;
    const was = shown;
    shown = want;
    if (p)
      show(prompted(p));
    else if (k)
      show(known(k));
    else if (was && now)
      hide();
  });
  effect(() => {
    const all = store.asks.get(), of = now?.of;
    if (of && !all.some((a) => a.desk === of.desk && a.number === of.number))
      hide();
  });
  return dialog;
}

type Allowed = Exclude<WebUp_Decide_Answer, "no">;
const ALLOWED: [Allowed, string][] = [["once", "this call, once"],
  ["minutes", "the tool with any arguments, for 10 minutes"],
  ["session", "the tool with any arguments, until the agent's session ends"]];

/* The first call that an agent of the person's waits with. Nothing of it is a service's that this page shows, and
 * nobody can have it come by itself: it is asked for in the frame. */
export function approve(): void {
  const of = store.asks.peek()[0];
  if (!of)
    return;
  let allowed: Allowed = "once";
  const say = (answer: WebUp_Decide_Answer): void =>
    void wire.ask({ decide: { desk: of.desk, number: of.number, answer } }).catch((e) => store.gone.set(e.message));
  show({ title: "Let an agent do this?", deafMs: DEAF_MS, no: "Later", yes: "Allow", of, body: [
    h("p", { class: "what" }, h("b", null, h("bdi", null, of.client || "a client that does not say its name")),
      ` has a model that wants to call, since ${format.moment(format.num(of.sinceMs))}:`),
    h("div", { class: "call", id: "sheet-call", tabindex: "0", role: "group", "aria-label": "What would be called" },
      (of.question ?? "").split("\n").map((t) => h("p", { class: "mono break" }, h("bdi", null, t)))),
    h("fieldset", { class: "options" }, h("legend", null, "Allow"), ALLOWED.map(([v, label]) => h("label", null,
      h("input", { type: "radio", name: "allowed", value: v, checked: v === allowed,
                   onchange: () => { allowed = v; } }), label)))],
  answer: (yes) => { if (yes) say(allowed); }, refuse: () => say("no") });
}

/* A window asks itself about what ends something. */
export function logout(): void {
  if (host)
    void wire.ask({ logout: null }).catch(() => undefined);
  else
    show({ title: "Log out?", deafMs: 0, no: "Stay", yes: "Log out",
         body: h("p", null, "Every reference of this session is dead then, and its panes are closed. What you see " +
           "stays, " +
                            "greyed, until you leave it."),
         answer: (yes) => { if (yes) void wire.ask({ logout: null }).catch(() => undefined); } });
}

export function reset(): void {
  if (host)
    void wire.ask({ reset: null }).catch(() => undefined);
  else
    show({ title: "Reset the layout?", deafMs: 0, no: "Keep it", yes: "Reset",
         body: h("p", null, "Every wish, look, pin, move and closed mark of this session is forgotten."),
         answer: (yes) => { if (yes) void wire.ask({ reset: null }).catch(() => undefined); } });
}

/* A longer lease, by fresh proof. */
export function ask(): void {
  show({ title: "Renew the lease", deafMs: 0, no: "Cancel", body: live(h("div", { class: "renew" }), login.renewal),
         answer: () => { if (store.step.peek()) login.giveUp(); login.complaint.set(""); } });
}

/* The renewal is done. */
export function closeRenewal(): void {
  if (now?.title === "Renew the lease")
    hide();
}

function options<T extends string>(name: string, words: string, signal: { get: () => T; set: (v: T) => void },
                                   all: [T, string][]): Child {
  return h("fieldset", { class: "options" }, h("legend", null, words), all.map(([v, label]) => h("label", null,
    h("input", { type: "radio", name, value: v, checked: signal.get() === v, onchange: () => signal.set(v) }), label)));
}

export function look(): void {
  show({ title: "Look", deafMs: 0, no: "Close", answer: () => undefined, body: [
    options("scheme", "Scheme", scheme.scheme, [["none", "as the system"], ["light", "light"], ["dark", "dark"]]),
    options("density", "Density", scheme.density,
            [["none", "as it is"], ["compact", "compact"], ["regular", "regular"], ["spacious", "spacious"]]),
    h("p", { class: "m" }, "Nothing of this is kept in the browser: it is forgotten with the tab.")] });
}
