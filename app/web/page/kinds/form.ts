/* A form: fields whose values a service may preset and complain about, and the command that gets them. A value that a
 * person is typing over stays. */

import * as format from "../format";
import { fields, Filled } from "../fields";
import { h, replace } from "../view";
import { empty, Kind } from "./kind";

export class FormKind extends Kind {
  private typed = new Map<string, string>();
  private filled: Filled | null = null;
  private model: UiModel = {};
  private later = 0;

  /* What is edited is told when a person rests for a moment. */
  private changed(): void {
    for (const v of this.filled?.values() ?? [])
      if (v.typed)
        this.typed.set(v.path ?? "", v.text ?? "");
    clearTimeout(this.later);
    this.later = window.setTimeout(() => this.context.edit(this.filled?.values() ?? []), 300);
  }

  /* What was sent is the service's when it was taken; what was refused, or typed since, stays. */
  private send(submit: string, e: Event, values: WebUp_Value[]): void {
    const sent = new Map(this.typed);
    void this.context.run(submit, e, [], values).then((taken) => {
      if (!taken)
        return;
      for (const [path, text] of sent)
        if (this.typed.get(path) === text)
          this.typed.delete(path);
      this.draw(this.model);
    });
  }

  draw(model: UiModel): void {
    const form = model.form;
    const values = new Map((form?.values ?? []).map((v) => [v.path ?? "", format.raw(v.value)]));
    const wrong = new Map((form?.complaints ?? []).map((c) => [c.path ?? "", c.text ?? ""]));
    const submit = this.context.commands().find((o) => o.command?.id === form?.submit)?.command;
    this.model = model;
    if (!form?.fields?.length) {
      replace(this, empty("This form has no fields.", "check"));
      return;
    }
    for (const [path, text] of this.typed)
      values.set(path, text);
    const all = fields(form.fields, `p${this.context.surface}`, values, wrong, () => this.changed(),
                       this.context.complete(form.submit ?? ""));
    this.filled = all;
    replace(this, h("form", { class: "pane-form", onsubmit: (e: Event) => {
      e.preventDefault();
      this.send(form.submit ?? "", e, all.values());
    } }, wrong.get("") ? h("p", { class: "tone-bad" }, wrong.get("")) : null, all.el,
    form.submit ? h("button", { class: "go", type: "submit", disabled: submit ? !submit.enabled : false,
                                id: `p${this.context.surface}-submit` }, submit?.title || "Send") : null));
  }

  recommand(): void { this.draw(this.model); }

  draft(): Map<string, string> { return this.typed; }

  resume(typed: Map<string, string>): void { this.typed = typed; }
}
