// A request as a command line for a POSIX shell.

/** `mcpws call`, which sends the same request to the same server; `era` is "legacy" or "modern" if that matters. */
export function commandOf(url, method, params, era = null) {
  const words = ["mcpws", "call", quoted(url.replace(/\/$/, "")), quoted(method), quoted(JSON.stringify(params))];
  return [...words, ...(era ? ["--era", era] : [])].join(" ");
}

/** A word as the shell takes it for one. */
export function quoted(word) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
