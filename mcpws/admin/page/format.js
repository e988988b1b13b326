// Formats: numbers as people read them, always in the same few shapes, so that columns keep their widths.

export const NONE = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23" });

const STEPS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** A number of things. */
export function count(number) {
  return number === null || number === undefined ? NONE : whole.format(number);
}

/** A number of bytes, in powers of a thousand. */
export function bytes(number) {
  if (number === null || number === undefined) {
    return NONE;
  }
  let step = 0;
  let rest = number;
  // What would be rounded up to 1000 belongs to the next unit.
  while (rest >= 999.95 && step < STEPS.length - 1) {
    rest /= 1000;
    step += 1;
  }
  return `${step ? tenths.format(rest) : whole.format(rest)} ${STEPS[step]}`;
}

/** A short time in seconds, as a request or a Ping takes. */
export function latency(seconds) {
  if (seconds === null || seconds === undefined) {
    return NONE;
  }
  if (seconds < 0.1) {
    return `${seconds ? (seconds * 1000).toFixed(seconds < 0.01 ? 2 : 1) : 0} ms`;
  }
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** A long time in seconds: its two largest units. */
export function age(seconds) {
  if (seconds === null || seconds === undefined) {
    return NONE;
  }
  const all = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (all < 60) {
    return `${all}s`;
  }
  if (all < 3600) {
    return `${Math.floor(all / 60)}m ${two(all % 60)}s`;
  }
  if (all < 86400) {
    return `${Math.floor(all / 3600)}h ${two(Math.floor((all % 3600) / 60))}m`;
  }
  return `${whole.format(Math.floor(all / 86400))}d ${two(Math.floor((all % 86400) / 3600))}h`;
}

/** So many a second. */
export function rate(number) {
  if (number === null || number === undefined) {
    return NONE;
  }
  return `${number >= 100 ? whole.format(number) : digits.format(Math.round(number * 10) / 10)}/s`;
}

/** So many bytes a second. */
export function byteRate(number) {
  return number === null || number === undefined ? NONE : `${bytes(number)}/s`;
}

/** A share of a whole. */
export function percent(share) {
  return share === null || share === undefined ? NONE : `${tenths.format(share * 100)} %`;
}

/** A day and a time, of seconds since 1970. */
export function date(seconds) {
  return moment.format(new Date(seconds * 1000));
}

/** The time of the day now. */
export function now() {
  return clock.format(new Date());
}
