// The history: what happened between one snapshot and the next, over the last five minutes.

export const WINDOW = 300; // seconds

const MOST = 300; // points
const LEAST_GAP = 0.5; // seconds; what comes sooner is counted with what follows
const LONGEST_GAP = 5; // seconds; over more of them a mean says nothing

const SHARES = { p50: 0.5, p95: 0.95, p99: 0.99 };

/**
 * Points, the oldest first: each has a time `at` in seconds of the server, and what was so since the one before.
 *
 * Numbers a second: `requests`, `errors`, `received` and `sent` (bytes); seconds: `p50`, `p95` and `p99`, null where
 * nothing was answered; `cpu` is a share of one processor. There are never more than 300.
 */
export class History {
  points = [];
  #last = null;

  /** Take a snapshot in. One of another process, or of before, begins a new history. */
  add(status) {
    const next = sums(status);
    const last = this.#last;
    if (last === null || next.pid !== last.pid || next.at < last.at) {
      this.points = [];
      this.#last = next;
      return;
    }
    const gap = next.at - last.at;
    if (gap < LEAST_GAP) {
      return;
    }
    this.#last = next;
    if (gap <= LONGEST_GAP) {
      this.points.push(difference(last, next, gap, status.bounds ?? []));
    }
    while (this.points.length > MOST || (this.points.length && this.points[0].at < next.at - WINDOW)) {
      this.points.shift();
    }
  }

  /** The last point; undefined before there is one. */
  get latest() {
    return this.points.at(-1);
  }
}

function sums(status) {
  const buckets = new Array((status.bounds?.length ?? 0) + 1).fill(0);
  let requests = 0;
  for (const one of Object.values(status.requests)) {
    requests += one.count;
    (one.buckets ?? []).forEach((number, index) => (buckets[index] += number));
  }
  return {
    at: status.server.uptime,
    pid: status.process.pid,
    cpu: status.process.cpu,
    requests,
    buckets,
    errors: status.totals.errors,
    received: status.totals.bytes_received,
    sent: status.totals.bytes_sent,
  };
}

function difference(last, next, gap, bounds) {
  const buckets = next.buckets.map((number, index) => number - last.buckets[index]);
  const point = { at: next.at };
  for (const name of ["requests", "errors", "received", "sent", "cpu"]) {
    point[name] = Math.max(0, next[name] - last[name]) / gap;
  }
  for (const [name, share] of Object.entries(SHARES)) {
    point[name] = percentile(buckets, bounds, share);
  }
  return point;
}

/** Seconds within which this share was answered, estimated from buckets as the server does it; null without any. */
export function percentile(buckets, bounds, share) {
  const wanted = buckets.reduce((sum, number) => sum + number, 0) * share;
  if (!(wanted > 0)) {
    return null;
  }
  let below = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    const least = index ? bounds[index - 1] : 0;
    if (below + buckets[index] >= wanted) {
      return least + ((bounds[index] - least) * (wanted - below)) / buckets[index];
    }
    below += buckets[index];
  }
  return bounds.at(-1) ?? null;
}
