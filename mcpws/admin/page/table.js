// A table whose rows stay: each has a key, and what changes is written into its cells, so that focus and place are kept.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * The rows of a `table` that has its headings already: one for each of `columns`, those with buttons to sort by.
 *
 * A column has a `name`, as the `data-column` of its heading, and `value(item)`: what is sorted by, and shown unless
 * `text(item)` is; `hint(item)` is shown of what is pointed at. One that has `button(item)` in place of both, which
 * makes a button with this name, calls `press(item)`. All is set as text: none of it becomes markup.
 *
 * @param key gives what an item is known by.
 * @param options `limit` of rows that are shown; `sorted` by this column to begin with, else as they are given.
 */
export class KeyedTable {
  #table;
  #body;
  #columns;
  #key;
  #limit;
  #rows = new Map(); // by key: its element, its cells, its item
  #items = [];
  #words = [];
  #by = null;
  #downwards = false;

  constructor(table, key, columns, { limit = 500, sorted = null } = {}) {
    this.#table = table;
    this.#body = table.tBodies[0];
    this.#key = (item) => String(key(item));
    this.#columns = columns;
    this.#limit = limit;
    for (const heading of table.querySelectorAll("th[data-column]")) {
      const column = columns.find((one) => one.name === heading.dataset.column);
      heading.classList.toggle("number", Boolean(column.number));
      heading.querySelector("button")?.addEventListener("click", () => this.#sort(column));
    }
    if (sorted !== null) {
      this.#sort(columns.find((one) => one.name === sorted), false);
    }
  }

  /** Numbers of rows: those that there are, those that the filter lets through, and those that are shown. */
  counts = { all: 0, matching: 0, shown: 0 };

  /** Whether rows stay where they are: while somebody points at them, or has come into them with the keyboard. */
  get isHeld() {
    return this.#body.matches(":hover, :focus-within");
  }

  /** Show these items, and no others. */
  update(items) {
    this.#items = items;
    this.#show(this.isHeld);
  }

  /** Show only rows that have all words of a text in any of their cells, but for numbers. */
  filter(text) {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.#show(false);
  }

  #sort(column, downwards = this.#by === column ? !this.#downwards : Boolean(column.number)) {
    this.#by = column;
    this.#downwards = downwards;
    for (const heading of this.#table.querySelectorAll("th[data-column]")) {
      if (heading.dataset.column === column.name) {
        heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
      } else {
        heading.removeAttribute("aria-sort");
      }
    }
    this.#show(false);
  }

  #show(isHeld) {
    const matching = this.#items.filter((item) => this.#matches(item));
    if (this.#by !== null) {
      matching.sort((one, other) => this.#compare(one, other));
    }
    const shown = matching.slice(0, this.#limit);
    this.counts = { all: this.#items.length, matching: matching.length, shown: shown.length };
    this.#remove(new Set(shown.map(this.#key)));
    let place = this.#body.firstElementChild;
    for (const item of shown) {
      const key = this.#key(item);
      const known = this.#rows.get(key);
      const row = known ?? this.#add(key);
      row.item = item;
      this.#write(row);
      if (isHeld) {
        if (known === undefined) {
          this.#body.append(row.element);
        }
      } else if (place === row.element) {
        place = place.nextElementSibling;
      } else {
        this.#body.insertBefore(row.element, place);
      }
    }
    this.#table.toggleAttribute("data-empty", shown.length === 0);
  }

  #matches(item) {
    if (!this.#words.length) {
      return true;
    }
    // Numbers change all the time: what is shown would come and go with them.
    const sought = this.#columns.filter((column) => !column.button && !column.number);
    const text = sought.map((column) => textOf(column, item)).join("\n").toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  #compare(one, other) {
    const [first, second] = [this.#by.value(one), this.#by.value(other)];
    const missing = (first === null) - (second === null);
    if (missing || first === null) {
      return missing;
    }
    const order = typeof first === "number" ? first - second : collator.compare(first, second);
    return this.#downwards ? -order : order;
  }

  /** Take rows away. Who is in one of them gets into the row that has its place now. */
  #remove(kept) {
    const focused = document.activeElement?.closest("tr");
    for (const [key, { element }] of this.#rows) {
      if (kept.has(key)) {
        continue;
      }
      if (element === focused) {
        const row = next(element, kept);
        (row?.querySelector("button") ?? this.#table.closest("[tabindex]") ?? document.body).focus();
      }
      element.remove();
      this.#rows.delete(key);
    }
  }

  #add(key) {
    const element = document.createElement("tr");
    element.dataset.key = key;
    const row = { element, cells: [], item: null };
    this.#columns.forEach((column, index) => {
      const cell = document.createElement(index ? "td" : "th");
      if (!index) {
        cell.scope = "row";
      }
      cell.dataset.column = column.name;
      cell.classList.toggle("number", Boolean(column.number));
      let filled = cell;
      if (column.button) {
        filled = document.createElement("button");
        filled.type = "button";
        filled.addEventListener("click", () => column.press(row.item));
        cell.append(filled);
      } else if (!column.number) {
        // What has an end to its height cannot be a cell.
        filled = document.createElement("div");
        filled.className = "text";
        cell.append(filled);
      }
      row.cells.push(filled);
      element.append(cell);
    });
    this.#rows.set(key, row);
    return row;
  }

  #write({ cells, item }) {
    this.#columns.forEach((column, index) => {
      const cell = cells[index];
      if (column.button) {
        if (!cell.textContent) {
          cell.textContent = column.label;
          cell.setAttribute("aria-label", column.button(item));
        }
        return;
      }
      const text = textOf(column, item);
      if (cell.textContent !== text) {
        cell.textContent = text;
      }
      const hint = column.hint?.(item) ?? "";
      if (cell.title !== hint) {
        cell.title = hint;
      }
    });
  }
}

function textOf(column, item) {
  return String((column.text ?? column.value)(item) ?? "–");
}

function next(row, kept) {
  for (const way of ["nextElementSibling", "previousElementSibling"]) {
    let other = row[way];
    while (other && !kept.has(other.dataset.key)) {
      other = other[way];
    }
    if (other) {
      return other;
    }
  }
  return null;
}
