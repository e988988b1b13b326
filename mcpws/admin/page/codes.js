// Error codes of answers, in words.

export const MEANINGS = {
  "-32700": "parse error",
  "-32600": "invalid request",
  "-32601": "method not found",
  "-32602": "invalid params",
  "-32603": "internal error",
  "-32002": "resource not found",
  "-32021": "missing client capability",
  "-32022": "unsupported protocol version",
  413: "answer too large",
  429: "too many requests",
  502: "bad gateway",
  503: "unavailable",
};
