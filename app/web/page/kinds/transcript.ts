/* A transcript: who said what, and a box to say something. Authors are labels of the service's, never accounts. */

import { icon } from "../icons";
import * as format from "../format";
import { h, replace } from "../view";
import { empty, follow, Kind, said, stands, toEnd } from "./kind";

function message(m: UiMessage): HTMLElement {
  const at = format.num(m.atMs);
  const when = h("time", { class: "num" }, format.time(at).slice(0, 5));
  if (m.kind === "said")
    return h("li", { class: m.own ? "message own" : "message" },
             h("p", { class: "by" }, said(m.own ? "You" : m.author || "somebody", "author"), when), said(m.text,
               "bubble"));
  const verb = m.kind === "joined" ? " has joined" : m.kind === "left" ? " has left" : "";
  return h("li", { class: `note ${m.kind}` }, h("span", null, m.author ? said(m.author, "author") : null, verb,
                                                m.text ? [m.author ? " " : "", said(m.text)] : null), when);
}

export class TranscriptKind extends Kind {
  private list = h("ol", { class: "messages", "aria-live": "polite", tabindex: 0 });
  private unread = h("p", { class: "unread", hidden: true });
  private box = h("form", { class: "say" });
  private nothing = empty("", "message");
  private model: UiModel = {};
  private again = stands(this.list);
  private begun = "";

  private speak(): void {
    const t = this.model.transcript;
    const input = this.box.querySelector("textarea");
    const offered = this.context.commands().find((o) => o.command?.id === t?.send);
    const off = !t?.send || (offered && !offered.command?.enabled);
    this.box.hidden = !t?.send;
    (this.nothing.lastElementChild as Element).textContent = !off ? "Nobody has said anything yet."
      : offered?.command?.reason || "There is nothing to read yet.";
    if (input) {
      input.placeholder = t?.draft || "Say something";
      input.disabled = !!offered && !offered.command?.enabled;
    }
  }

  private send(e: Event): void {
    const t = this.model.transcript;
    const input = this.box.querySelector("textarea");
    const offered = this.context.commands().find((o) => o.command?.id === t?.send);
    const text = input?.value.trim() ?? "";
    e.preventDefault();
    if (!input || !text || !t?.send)
      return;
    const path = offered?.command?.fields?.find((f) => f.kind === "text")?.path ?? "text";
    const typed = input.value;
    void this.context.run(t.send, e, [], [{ path, text, typed: true }]).then((taken) => {
      if (!taken && !input.value) /* unless something else was typed since */
        input.value = typed;
    });
    input.value = "";
    input.focus();
  }

  connectedCallback(): void { this.again(); }

  private build(): void {
    replace(this, this.nothing, this.list, this.unread, this.box);
    this.list.setAttribute("aria-label", this.context.title);
    replace(this.box, h("textarea", {
      rows: 1, "aria-label": `Say something in ${this.context.title}`, id: `p${this.context.surface}-say`,
      onkeydown: (e: KeyboardEvent) => (e.key === "Enter" && !e.shiftKey && !e.isComposing ? this.send(e) : undefined),
    }), h("button", { class: "go", type: "submit", "aria-label": "Send" }, icon("arrow"), h("span", null, "Send")));
    this.box.addEventListener("submit", (e) => this.send(e));
    (this.box.querySelector("textarea") as HTMLTextAreaElement).value = this.begun;
  }

  draft(): Map<string, string> {
    const text = this.box.querySelector("textarea")?.value;
    return new Map(text ? [["", text]] : []);
  }

  resume(typed: Map<string, string>): void { this.begun = typed.get("") ?? ""; }

  draw(model: UiModel, change: WebDown_Change | null): void {
    const messages = model.transcript?.messages ?? [];
    const first = !this.list.isConnected && !this.box.firstChild;
    this.model = model;
    if (first)
      this.build();
    this.nothing.hidden = messages.length > 0;
    this.list.hidden = messages.length === 0;
    this.unread.hidden = !model.transcript?.unread;
    this.unread.textContent = `${model.transcript?.unread ?? 0} unread`;
    if (first || !change || change.replaced?.length || change.removed?.length) {
      replace(this.list, messages.map(message));
      toEnd(this.list);
    } else {
      follow(this.list, () => {
        for (let i = 0; i < change.dropped && this.list.firstChild; i++)
          this.list.firstChild.remove();
        if (change.appended)
          this.list.append(...messages.slice(-change.appended).map(message));
      });
    }
    this.speak();
  }

  recommand(): void { this.speak(); }
}
