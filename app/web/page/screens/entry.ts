/* Not let in, or not yet: what somebody sees who has no link, an old one, or no bridge to talk to. It says no more than
 * how to get a link. */

import { host } from "../host";
import { icon, mark } from "../icons";
import { Child, h, Signal } from "../view";
import * as wire from "../wire";

export const refused = new Signal<string>("");

const WORDS: { [why: string]: [string, string] } = {
  code: ["This link does not open anything any more",
         "A link opens the workspace once, within a minute after it was printed. This one was used, or is too old."],
  busy: ["The bridge is busy", "It has as many browsers as it may have. Close one, or wait a little."],
  none: ["This workspace is not open to you", "Whoever started the bridge has a link that opens it, once."],
  idle: ["You have been away for long", "The bridge has ended this browser's session. What it held is let go."],
  lost: ["The bridge has let this browser go", "Its process there has ended: it broke down, or gave way to another " +
         "browser. The session that it held is logged out, or ends with its lease."],
  back: ["It goes on in the window", "What was to be done in a browser is done, and nothing of it is left here. You " +
         "may close this tab."],
};

/* What a window has: nobody else lets one in, and it can begin again. */
const IN_WINDOW: { [why: string]: string } = {
  idle: "The window has ended its session. What it held is let go.",
};

export function closed(): Child {
  const line = wire.line.get();
  const why = refused.get() || (line === "idle" || line === "lost" || line === "back" ? line : "none");
  const [title, text] = WORDS[why] ?? WORDS.code;
  return h("div", { class: "door", id: "door", "data-why": why }, mark(44), h("h1", null, title),
    h("p", null, host && IN_WINDOW[why] || text),
    host ? h("p", null, h("button", { type: "button", class: "go", id: "begin-again", onclick: wire.anew },
                          "Begin again"))
      : why === "back" ? null
        : h("p", { class: "m" }, "Press Enter where ", h("code", null, "capos web"),
            " runs, and open the link it prints."));
}

export function offline(): Child {
  return h("div", { class: "door", id: "offline" }, icon("plug", 44), h("h1", null, "The bridge cannot be reached"),
           h("p", null, "It may have been stopped. This page goes on trying."),
           h("p", null, h("button", { type: "button", class: "go", id: "try", onclick: wire.again }, "Try now")));
}

export function connecting(): Child {
  return h("div", { class: "door", id: "connecting" }, h("span", { class: "spinner large" }),
           h("h1", null, "Connecting"), h("p", { class: "m", role: "status" }, "The page is being let in."));
}
