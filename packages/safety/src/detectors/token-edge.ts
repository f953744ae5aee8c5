/**
 * What may stand before a token (source of a pattern): nothing that continues a word, except that an escaped line break
 * (`\n` in JSON source) and a percent escape end in a letter or digit and still separate, and so does the end of a key
 * block.
 */
export const TOKEN_EDGE: string =
  "(?:(?<![A-Za-z0-9\\u00c0-\\u024f_-])|(?<=\\\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=-----))";
