/* Instances: where this bridge may go. They are added, named and removed here; nothing is connected to for that. */

import * as format from "../format";
import { stripe } from "../frame";
import { host } from "../host";
import { icon } from "../icons";
import * as store from "../store";
import { Child, h, live, Signal } from "../view";
import * as wire from "../wire";
import { complain, complaint } from "./login";

const busy = new Signal<number>(-1);
const naming = new Signal<number>(-1);
let named = ""; /* as it is typed */
const removing = new Signal<number>(-1);

/* Whether it was done. */
function act(up: wire.Up, place: number): Promise<boolean> {
  complaint.set("");
  busy.set(place);
  return wire.ask(up).then(() => true, (e) => { complain(e); return false; }).finally(() => busy.set(-1));
}

function name(i: WebDown_Instance): Child {
  if (naming.get() !== i.place)
    return h("h2", null, h("bdi", null, i.name || i.address));
  const input: HTMLInputElement = h("input", { type: "text", value: named, id: `name-${i.place}`,
    "aria-label": "New name", maxlength: 64, oninput: () => { named = input.value; } });
  return h("form", { class: "inline", onsubmit: async (e: Event) => {
    e.preventDefault();
    if (await act({ rename: { place: i.place, name: named.trim() } }, i.place))
      naming.set(-1);
  } }, input, h("button", { type: "submit", class: "go" }, "Name it"),
  h("button", { type: "button", onclick: () => naming.set(-1) }, "Cancel"));
}

function connect(i: WebDown_Instance): Child {
  if (store.session.get())
    return i.connected ? h("span", { class: "badge on" }, "this session") : null;
  return h("button", { type: "button", class: "go", id: `connect-${i.place}`, disabled: busy.get() >= 0,
                       onclick: () => void act({ connect: i.place }, i.place) },
           busy.get() === i.place ? "Connecting …" : "Connect");
}

function remove(i: WebDown_Instance): Child {
  if (i.fixed)
    return h("span", { class: "m", title: "It was given on the command line" }, "fixed");
  if (removing.get() !== i.place)
    return h("button", { type: "button", class: "quiet", id: `remove-${i.place}`,
                         onclick: () => removing.set(i.place) }, "Remove");
  return [h("button", { type: "button", class: "danger", id: `remove-${i.place}`, onclick: () => {
    removing.set(-1);
    void act({ remove: i.place }, i.place);
  } }, "Remove it"), h("button", { type: "button", class: "quiet", onclick: () => removing.set(-1) }, "Keep it")];
}

function card(i: WebDown_Instance): HTMLElement {
  return h("li", { class: "card instance", id: `instance-${i.place}` }, stripe(i.fingerprint ?? ""),
    h("div", { class: "line1" }, name(i), h("span", { class: "sp" }), connect(i)),
    h("dl", { class: "facts" },
      h("dt", null, "Address"), h("dd", { class: "mono" }, i.address),
      h("dt", null, "Key"), h("dd", { class: "mono break" }, i.fingerprint || h("span", { class: "m" },
        format.noKey(i.transport))),
      h("dt", null, "Last seen"), h("dd", null, format.moment(format.num(i.seenAtMs))),
      i.transport ? [h("dt", null, "Transport"), h("dd", null, i.transport === "tls" ? "TLS" : i.transport)] : null),
    h("div", { class: "line2" }, h("button", { type: "button", class: "quiet", id: `rename-${i.place}`,
      onclick: () => {
        named = i.name ?? "";
        naming.set(i.place);
      } }, "Rename"), remove(i)));
}

const note = new Signal<string>("");

/* One with a key is kept when that was confirmed: so it is met at once, unless there is a session. */
function added(label: string, address: string, taken: () => void): void {
  const before = new Set((store.instances.peek() ?? []).map((i) => i.place));
  complaint.set("");
  note.set("");
  busy.set(-2);
  wire.ask({ add: { name: label || address, address } }).then(() => {
    taken();
    return wire.ask({ instances: null });
  }).then((d) => {
    const i = (d.instances ?? []).find((x) => !before.has(x.place));
    if (i?.transport !== "tls")
      return null;
    if (!store.session.peek())
      return wire.ask({ connect: i.place });
    note.set(`${i.name || i.address} is known to this browser alone until you connect to it, after this session, and ` +
      "confirm its key.");
    return null;
  }).catch(complain).finally(() => busy.set(-1));
}

function add(): Child {
  const label = h("input", { type: "text", id: "add-name", maxlength: 64, placeholder: "lab", autocomplete: "off" });
  const address = h("input", { type: "text", id: "add-address", required: true, placeholder: "host:port",
                               spellcheck: "false", autocomplete: "off" });
  return h("form", { class: "card add", "aria-labelledby": "add-title", onsubmit: (e: Event) => {
    e.preventDefault();
    added(label.value.trim(), address.value.trim(), () => { label.value = address.value = ""; });
  } }, h("h2", { id: "add-title" }, "Add an instance"),
  h("div", { class: "pair" }, h("div", { class: "field" }, h("label", { for: "add-address" }, "Address"), address),
    h("div", { class: "field" }, h("label", { for: "add-name" }, "Name"), label),
    h("button", { type: "submit", id: "add" }, "Add")),
  h("p", { class: "m" }, "Where the bridge may go, its start has decided. One with a key is kept when you have " +
      "confirmed its fingerprint."));
}

const THIS = host ? "This window" : "This bridge";
const START = host ? "capos desktop" : "capos web --open";

/* What the start of the bridge decides, its start has to be told. */
function addOr(): Child {
  return store.greet.get()?.adds ? add() : h("section", { class: "card", id: "add-none" },
    h("h2", null, "Another instance"),
    h("p", null, `${THIS} goes only where its start has said. Start it with the instance's address, or with what ` +
      "may be added here:"),
    h("pre", null, `${START} --instance home=localhost:2327\n${START} --allow '*.example.org:2327'`));
}

export function view(): Child {
  return h("div", { class: "screen narrow" },
    h("h1", null, "Instances"),
    h("p", { class: "lead" }, `What ${THIS.toLowerCase()} can reach. Choose where to log in.`),
    live(h("div", { role: "alert" }), () => complaint.get() ? h("p", { class: "banner bad" }, icon("alert"),
                                                                complaint.get()) : null),
    live(h("div", { role: "status" }), () => note.get() ? h("p", { class: "banner", id: "added" }, note.get()) : null),
    live(h("ul", { class: "cards" }), () => {
      const all = store.instances.get();
      if (all === null)
        return [h("li", { class: "card skeleton", "aria-label": "Loading" }), h("li", { class: "card skeleton" })];
      return all.length ? all.map(card) : h("li", { class: "empty" }, icon("plug", 28), h("h2", null,
        "No instances yet"),
        store.greet.get()?.adds ? h("p", null, "Add the first one below, by its address.") : null);
    }),
    live(h("div"), addOr));
}
