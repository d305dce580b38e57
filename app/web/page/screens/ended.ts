/* After the end: the last view stays, greyed, under the reason; a kept reference can be called, to see that it is
 * dead. */

import { icon } from "../icons";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import { complain } from "./login";
import { exportJson } from "./transcript";

const kept = new Signal<store.Call | null>(null);

/* The session itself is a reference that was kept: asking it who it is must be refused. */
function call(): void {
  void store.call({ name: "session", handle: 0 }, "info", "{}").then((c) => kept.set(c));
}

function proof(): Child {
  const c = store.calls.get().length ? kept.get() : null;
  const f = c?.failure.get();
  const good = f?.code === "denied.stale-session"; /* any other failure may have another cause */
  if (!c)
    return null;
  return h("p", { class: good ? "tone-good" : "tone-bad", role: "status", id: "stale" },
           icon(good ? "check" : "cross", 14), " ",
           h("span", { class: "mono" }, "session.info()"), " came back as ",
           h("span", { class: "mono" }, f ? f.code || f.text : "an answer"),
           f && !good ? ", which proves nothing" : "");
}

/* The key by which the bridge comes back is the session's: an instance that refuses it has no such session. */
const WORDS: { [code: string]: string } = {
  "denied.credentials": "The instance does not know this session any more: it was started anew, or has ended the " +
    "session. Log in again",
};

/* What the code says already is left out of the text. */
function words(code: string, text: string): string {
  const own = text.startsWith(code) ? text.slice(code.length).replace(/^: /, "") : text;
  return [WORDS[code] ?? own, code ? `(${code})` : ""].filter(Boolean).join(" ");
}

export function banner(): Child {
  const e = store.ended.get();
  if (!e)
    return null;
  const why = words(e.code ?? "", e.text ?? "");
  return h("section", { class: "ended", "aria-label": "The session has ended", id: "ended" },
    h("div", { class: "main" }, h("p", { role: "alert" }, h("b", null, "This session has ended"),
      why ? `: ${why}` : "."),
      live(h("div"), proof)),
    h("button", { type: "button", id: "stale-call", onclick: call }, "Call a kept reference"),
    h("button", { type: "button", id: "ended-export", onclick: exportJson }, "Export the transcript"),
    h("button", { type: "button", class: "go", id: "leave", onclick: () => void store.leave().catch(complain) },
      "Leave it"));
}
