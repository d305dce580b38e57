/* The symbols of UiIcon and of the page itself, drawn with lines on a grid of 16. Decoration: what they mean is said in
 * words beside them. */

import { svg } from "./view";

const PATHS: { [name: string]: string } = {
  person: "M8 8.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4ZM2.8 13.5c.6-2.6 2.7-3.8 5.2-3.8s4.6 1.2 5.2 3.8",
  people: "M6 7.6a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6ZM1.8 13c.4-2.3 2.1-3.4 4.2-3.4s3.8 1.1 4.2 3.4" +
    "M10.5 3.4a2.2 2.2 0 0 1 0 4.2M12 9.9c1.3.5 2.1 1.5 2.3 3.1",
  message: "M2.5 3.5h11v7.5h-6l-3 2.5v-2.5h-2Z",
  place: "M8 14s4.5-4.3 4.5-7.7a4.5 4.5 0 0 0-9 0C3.5 9.7 8 14 8 14ZM8 8a1.7 1.7 0 1 0 0-3.4A1.7 1.7 0 0 0 8 8Z",
  door: "M4 14V2.5h8V14M2 14h12M9.7 8.2v.6",
  item: "M8 2.2 13.5 5v6L8 13.8 2.5 11V5ZM2.5 5 8 7.8 13.5 5M8 7.8v6",
  tool: "M10.2 2.5a3.4 3.4 0 0 0-3 4.8L2.5 12l1.5 1.5 4.7-4.7a3.4 3.4 0 0 0 4.8-3l-2.1.9-1.6-1.6Z",
  project: "M2.5 4h4l1.3 1.5h5.7V13h-11Z",
  money: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Z" +
    "M9.8 6C9.3 5.3 8.7 5 8 5c-1 0-1.8.6-1.8 1.5C6.2 8.5 9.9 7.5 9.9 9.5 9.9 10.4 9 11 8 11c-.8 0-1.5-.3-1.9-1M8 4v8",
  energy: "M9 1.8 3.5 9H8l-1 5.2L12.5 7H8Z",
  clock: "M8 13.7A5.7 5.7 0 1 0 8 2.3a5.7 5.7 0 0 0 0 11.4ZM8 4.7V8l2.3 1.5",
  chart: "M2.5 2.5v11h11M4.5 11l3-3.5 2 2L13 5",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.4M2.5 8h.4M2.5 12h.4",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3 14 14",
  lock: "M3.5 7.2h9v6.3h-9ZM5.3 7.2V5a2.7 2.7 0 0 1 5.4 0v2.2",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  alert: "M8 2.3 14.3 13.3H1.7ZM8 6.2v3.5M8 11.3v.4",
  arrow: "M2.5 8h10.5M9 4l4 4-4 4",
  pin: "M6 2.5h4l-.5 4 2.5 2.5H4l2.5-2.5ZM8 9v4.7",
  more: "M3.5 8h.4M7.8 8h.4M12.1 8h.4",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  gauge: "M2.5 11.5a5.5 5.5 0 1 1 11 0M8 11.5l2.5-3.5",
  grid: "M2.5 2.5h4.5v4.5h-4.5ZM9 2.5h4.5v4.5H9ZM2.5 9h4.5v4.5h-4.5ZM9 9h4.5v4.5H9Z",
  key: "M5.5 10.8a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4ZM8.2 8h5.8v2.5M11.5 8v2",
  call: "M2.5 5.5h9M8.5 2.5l3 3-3 3M13.5 10.5h-9M7.5 7.5l-3 3 3 3",
  shield: "M8 2l5 1.8v4c0 3-2 5.2-5 6.2-3-1-5-3.2-5-6.2v-4Z",
  plug: "M6 2v3.5M10 2v3.5M4 5.5h8v2.5a4 4 0 0 1-8 0ZM8 12v2.5",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  export: "M8 2v7.5M5 6.7 8 9.7l3-3M2.5 11v2.5h11V11",
  finger: "M4 12.5c.8-1.5 1-2.8 1-4.5a3 3 0 0 1 6 0c0 2-.2 3.8-.9 5.5M8 8c0 2.3-.3 4-1.2 5.7" +
    "M2.8 9.5c.1-.5.2-1 .2-1.5a5 5 0 0 1 9-3M13 7.5c.1 1.8 0 3.3-.3 4.5",
  globe: "M8 13.7A5.7 5.7 0 1 0 8 2.3a5.7 5.7 0 0 0 0 11.4ZM2.3 8h11.4M8 2.3c4 3.5 4 7.9 0 11.4-4-3.5-4-7.9 0-11.4Z",
};

export function icon(name: string, size = 16): SVGElement {
  const d = PATHS[name];
  return svg("svg", { class: "icon", width: size, height: size, viewBox: "0 0 16 16", "aria-hidden": "true",
                      focusable: "false" },
             d ? svg("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linecap": "round",
                               "stroke-linejoin": "round" }) : null);
}

/* The mark of the project. */
export function mark(size = 20): SVGElement {
  return svg("svg", { class: "mark", width: size, height: size, viewBox: "0 0 20 20", "aria-hidden": "true" },
             svg("path", { d: "M3 10a7 7 0 1 1 7 7", fill: "none", stroke: "currentColor", "stroke-width": 2.4,
                           "stroke-linecap": "round" }),
             svg("circle", { cx: 10, cy: 10, r: 2.4, fill: "currentColor" }));
}
