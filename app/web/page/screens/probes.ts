/* Probes: each asks for something that this session must not get, and shows what was sent, what was expected, and what
 * came. */

import { icon } from "../icons";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";

export const PROBES: { [p in WebUp_Probe]: [string, string] } = {
  unknownName: ["A name that is not there", "asks the bundle for a capability that it does not have"],
  wrongInterface: ["Another interface", "asks for a capability as what it is not"],
  wrongProfile: ["A profile that is not yours", "asks to log in with one that does not exist"],
  methodDisabled: ["A method that is off", "tries to log in by a method that the instance does not offer"],
  secondLogin: ["A second login", "tries to log in again on the same connection"],
  transfer: ["Passing on", "hands a service a reference that may not leave the session"],
  quota: ["Over the quota", "asks for more than the session may have at once"],
  staleCall: ["A call after the end", "logs in and out again beside this session, and calls what it has kept"],
};

const running = new Signal<Set<string>>(new Set());
const wrong = new Signal<Map<string, string>>(new Map());

export async function probe(p: WebUp_Probe): Promise<void> {
  running.set(new Set(running.peek()).add(p));
  try {
    await wire.ask({ probe: p });
  } catch (e) {
    wrong.set(new Map(wrong.peek()).set(p, e instanceof Error ? e.message : String(e)));
  } finally {
    const left = new Set(running.peek());
    left.delete(p);
    running.set(left);
  }
}

async function all(): Promise<void> {
  for (const p of Object.keys(PROBES) as WebUp_Probe[])
    await probe(p);
}

const SYMBOLS = { passed: "check", failed: "cross", skipped: "more" };
const VERDICTS = { passed: "refused, as it must be", failed: "not as it must be", skipped: "left out" };

function verdict(p: WebUp_Probe, r: WebDown_Probed | undefined): Child {
  if (running.get().has(p))
    return h("span", { class: "verdict m" }, h("span", { class: "spinner" }), "asking");
  if (!r)
    return h("span", { class: "verdict m" }, wrong.get().get(p) ?? "not asked yet");
  return h("span", { class: `verdict ${r.state}` }, icon(SYMBOLS[r.state], 14), VERDICTS[r.state]);
}

function row(p: WebUp_Probe): HTMLElement {
  const r = store.probes.get().get(p);
  const off = running.get().has(p) || !!store.ended.get();
  return h("li", { class: "card probe", id: `probe-${p}` },
    h("div", { class: "line1" }, h("div", { class: "main" }, h("h2", null, PROBES[p][0]),
      h("p", { class: "m" }, PROBES[p][1])), verdict(p, r),
    h("button", { type: "button", id: `ask-${p}`, disabled: off, onclick: () => void probe(p) }, r ? "Again" : "Ask")),
    r ? h("dl", { class: "facts" }, h("dt", null, "Sent"), h("dd", { class: "mono break" }, r.sent),
          h("dt", null, "Expected"), h("dd", { class: "mono" }, r.expected),
          h("dt", null, "Came"), h("dd", { class: `mono break ${r.state === "failed" ? "tone-bad" : ""}` }, r.came))
      : null);
}

export function view(): Child {
  return h("div", { class: "screen narrow" }, h("div", { class: "line1" },
    h("div", { class: "main" }, h("h1", null, "Probes"),
      h("p", { class: "lead" }, "What must be refused. Ask, and see that it is.")),
    live(h("div"), () => h("button", { type: "button", class: "go", id: "ask-all", onclick: () => void all(),
                                       disabled: running.get().size > 0 || !!store.ended.get() }, "Ask all"))),
  live(h("ul", { class: "cards" }), () => (Object.keys(PROBES) as WebUp_Probe[]).map(row)));
}
