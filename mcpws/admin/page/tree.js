// JSON as a tree that opens and closes; what is closed is not made before it is opened.

import { button, cut, make } from "./dom.js";

const MOST = 200; // members that are shown at first
const LONGEST = 20_000; // characters of a text
const OPEN_DEPTH = 4;
const FEW = 30; // members: more of them begin closed

/** The tree of a value; `name` is what it is a member of something as, null for the whole. */
export function tree(value, name = null, depth = 0) {
  const label = name === null ? null : make("span", { className: "member" }, String(name));
  if (typeof value !== "object" || value === null) {
    return make("div", { className: "leaf" }, label, label ? ": " : null, leaf(value));
  }
  const members = Array.isArray(value) ? value.map((one, index) => [index, one]) : Object.entries(value);
  const brackets = Array.isArray(value) ? `[ ${members.length} ]` : `{ ${members.length} }`;
  if (!members.length) {
    const empty = make("span", { className: "kind" }, brackets);
    return make("div", { className: "leaf" }, label, label ? ": " : null, empty);
  }
  const inside = make("div", { className: "branch" });
  const summary = make("summary", {}, label, label ? ": " : null, make("span", { className: "kind" }, brackets));
  const whole = make("details", { className: "tree" }, summary, inside);
  let shown = 0;
  const more = () => {
    const next = members.slice(shown, shown + MOST);
    shown += next.length;
    inside.append(...next.map(([key, one]) => tree(one, key, depth + 1)));
    if (shown < members.length) {
      inside.append(
        button(`${members.length - shown} more`, (pressed) => {
          pressed.remove();
          more();
        }, { className: "small" }),
      );
    }
  };
  const open = () => shown || more();
  if (depth < OPEN_DEPTH && members.length <= FEW) {
    open();
    whole.open = true;
  }
  whole.addEventListener("toggle", () => whole.open && open());
  return whole;
}

function leaf(value) {
  const text = JSON.stringify(value);
  return make("span", { className: `value ${value === null ? "null" : typeof value}` }, cut(text, LONGEST));
}
