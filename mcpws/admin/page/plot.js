// A plot: lines over the last five minutes, drawn as SVG, with the values of now beside their names.

import { WINDOW } from "./history.js";

const HEIGHT = 100; // in units of the drawing, which is stretched to its place
const HOLE = 5; // seconds without a point, over which no line is drawn

/**
 * One plot in a `figure` that has an empty `.now`, `.top`, `.middle` and `svg`.
 *
 * `lines` has the names of what is drawn, by the property of the points; `format` writes a value; the scale ends at a
 * round number, and not below `least`.
 */
export class Plot {
  #svg;
  #labels;
  #lines = [];
  #format;
  #least;
  #top = 0;

  constructor(figure, lines, format, least) {
    this.#svg = figure.querySelector("svg");
    this.#labels = [figure.querySelector(".top"), figure.querySelector(".middle")];
    this.#format = format;
    this.#least = least;
    this.#svg.setAttribute("viewBox", `0 0 ${WINDOW} ${HEIGHT}`);
    this.#svg.setAttribute("preserveAspectRatio", "none");
    for (const y of [0, HEIGHT / 2, HEIGHT]) {
      this.#path("grid").setAttribute("d", `M0 ${y}H${WINDOW}`);
    }
    Object.entries(lines).forEach(([property, name], index) => {
      const value = document.createElement("dd");
      const term = document.createElement("dt");
      term.textContent = name;
      const pair = document.createElement("div");
      pair.className = `line-${index + 1}`;
      pair.append(term, value);
      figure.querySelector(".now").append(pair);
      this.#lines.push({ property, value, path: this.#path(`line line-${index + 1}`) });
    });
    this.#scale(0);
  }

  /** Draw all of these anew. */
  draw(points) {
    const values = points.flatMap((point) => this.#lines.map(({ property }) => point[property] ?? 0));
    this.#scale(Math.max(0, ...values));
    const latest = points.at(-1);
    for (const { property, value, path } of this.#lines) {
      write(value, this.#format(latest?.[property]));
      path.setAttribute("d", this.#outline(points, property));
    }
  }

  #outline(points, property) {
    const end = points.at(-1)?.at ?? 0;
    let before = -Infinity;
    let outline = "";
    for (const point of points) {
      const value = point[property];
      if (value === null) {
        continue;
      }
      const x = (WINDOW - (end - point.at)).toFixed(2);
      const y = (HEIGHT - (value / this.#top) * HEIGHT).toFixed(2);
      // A line to where it is already is a dot, for a value that stands alone.
      outline += point.at - before > HOLE ? `M${x} ${y}h0` : `L${x} ${y}`;
      before = point.at;
    }
    return outline;
  }

  #scale(most) {
    const top = roundUp(Math.max(most, this.#least));
    if (top !== this.#top) {
      this.#top = top;
      [top, top / 2].forEach((value, index) => write(this.#labels[index], round(this.#format(value))));
    }
  }

  #path(kind) {
    const path = document.createElementNS(this.#svg.namespaceURI, "path");
    path.setAttribute("class", kind);
    path.setAttribute("vector-effect", "non-scaling-stroke");
    this.#svg.append(path);
    return path;
  }
}

/** The next number of 1, 2, 4, 6 and 8, times a power of ten: a scale that changes seldom, and halves well. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((one) => one * power >= value * 0.9999);
  return step * power;
}

/** A value as it stands at a scale: 600 kB for 600.0 kB. */
function round(written) {
  return written.replace(/\.0+(?=\D|$)/, "");
}

function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
