// Questions of the server to its client, which is whoever sits here: forms, pages to open, models, and roots.

import { messageOf } from "./answer.js";
import { button, make, newId, say } from "./dom.js";
import { Form } from "./form.js";
import { RpcError } from "./rpc.js";
import { tree } from "./tree.js";

const REJECTED = -1; // as MCP has it for a user who says no
const MODEL = "a person";

/** Questions that wait, in a place of the page. `roots()` are those that are told to a server that asks for them. */
export class Questions {
  #place;
  #roots;

  constructor(place, roots) {
    this.#place = place;
    this.#roots = roots;
  }

  /** The answer, once somebody gives it; rejected with an RpcError if nobody wants to, or when `signal` is aborted. */
  async ask(method, params, signal) {
    if (method === "roots/list") {
      return { roots: this.#roots() };
    }
    const partsOf = method === "sampling/createMessage" ? sampling : params.mode === "url" ? page : form;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const end = (how, value) => {
        signal.removeEventListener("abort", aborted);
        this.#remove(card);
        how(value);
      };
      const aborted = () => end(reject, signal.reason);
      signal.addEventListener("abort", aborted);
      const answer = (value) => end(resolve, value);
      const refuse = (why) => end(reject, new RpcError(REJECTED, why));
      const card = cardOf(...partsOf(params, answer, refuse));
      this.#add(card);
    });
  }

  #add(card) {
    card.from = document.activeElement;
    this.#place.append(card);
    // Who waits for an answer is asked; who types something else is only told.
    if (this.#place.children.length === 1 && !card.from?.matches("input, textarea, select")) {
      card.querySelector("h3").focus();
      card.scrollIntoView({ block: "nearest" });
    } else {
      say(card.querySelector("h3").textContent);
    }
  }

  #remove(card) {
    const had = card.contains(document.activeElement);
    card.remove();
    if (had) {
      const next = this.#place.querySelector("h3");
      (next ?? (card.from?.isConnected ? card.from : null))?.focus();
    }
  }
}

function cardOf(title, body, choices) {
  const heading = make("h3", { id: newId("question"), tabIndex: -1 }, title);
  const card = make(
    "section",
    { className: "question", "aria-labelledby": heading.id },
    heading,
    ...body,
    make("div", { className: "actions" }, ...choices),
  );
  card.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      choices[0].click();
    }
  });
  return card;
}

/** A form, which a server wants to have filled in. */
function form({ message, requestedSchema }, answer) {
  const fields = new Form(requestedSchema);
  const accept = () => {
    const content = fields.read();
    if (content !== null) {
      answer({ action: "accept", content });
    }
  };
  return [
    "The server asks you",
    [make("p", { className: "asked" }, String(message)), fields.element],
    [button("Accept", accept, { className: "primary" }), ...refusals(answer)],
  ];
}

/** A page that a server wants to have opened. Nothing opens it but a click of the user, who sees where it leads. */
function page({ message, url }, answer) {
  const whole = String(url);
  const target = parsed(whole);
  const host = target ? ["It leads to ", make("strong", {}, target.host), ": "] : [];
  const link = { href: target?.href, target: "_blank", rel: "noopener noreferrer", className: "button" };
  const opens = target
    ? make("a", link, "Open the page in a new tab")
    : make("span", { className: "problem" }, "This is no address of a web page; it cannot be opened here.");
  const address = make("p", { className: "address" }, ...host, make("code", {}, whole));
  return [
    "The server asks you to open a page",
    [make("p", { className: "asked" }, String(message)), address, make("p", {}, opens)],
    [button("Accept", () => answer({ action: "accept" }), { className: "primary" }), ...refusals(answer)],
  ];
}

/** A message, which a server wants to have from a model. */
function sampling(params, answer, refuse) {
  const { messages, systemPrompt, ...rest } = params;
  const text = make("textarea", { id: newId("text"), rows: 4 });
  const model = make("input", { id: newId("model"), value: MODEL, autocomplete: "off" });
  const problem = make("p", { id: newId("problem"), className: "problem", role: "alert" });
  text.setAttribute("aria-describedby", problem.id);
  const send = () => {
    if (!text.value) {
      problem.textContent = "An answer is needed.";
      text.setAttribute("aria-invalid", "true");
      text.focus();
      return;
    }
    const content = { type: "text", text: text.value };
    answer({ role: "assistant", content, model: model.value || MODEL, stopReason: "endTurn" });
  };
  const system = systemPrompt ? [messageOf({ role: "system", content: { type: "text", text: systemPrompt } })] : [];
  const wishes = Object.keys(rest).filter((name) => name !== "_meta").length
    ? [make("details", {}, make("summary", {}, "What the server wishes"), tree(rest))]
    : [];
  return [
    "The server asks your model",
    [
      ...system,
      ...(Array.isArray(messages) ? messages : []).map((one) => messageOf(one ?? {})),
      ...wishes,
      labelled("Answer", text, problem),
      labelled("Name of the model", model),
    ],
    [
      button("Answer", send, { className: "primary" }),
      button("Decline", () => refuse("the user rejected the request")),
    ],
  ];
}

function labelled(words, control, ...more) {
  const label = make("label", { htmlFor: control.id, className: "name" }, words);
  return make("div", { className: "field" }, label, control, ...more);
}

function refusals(answer) {
  return [
    button("Decline", () => answer({ action: "decline" })),
    button("Cancel", () => answer({ action: "cancel" })),
  ];
}

/** A URL that a browser may open; null for any other, as `javascript:` ones are. */
function parsed(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
