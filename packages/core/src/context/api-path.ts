/** A path that programs could read differently. */
export interface RefusedPath {
  readonly refused: string;
}

const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/** Decoded by one program and not by the next, these make one path two: `/`, `\`, `%`. */
const AMBIGUOUS_ESCAPE = /%(?:2f|5c|25)/i;

/** Control characters: what a log or a header would break on. */
const CONTROL_ESCAPE = /%(?:[01][0-9a-f]|7f)/i;

/**
 * What a path holds as it is (RFC 3986 section 3.3, pchar) but `;`, which some servers read as the start of parameters.
 * Escaping them makes no other path for servers, so it must not make one for a rule.
 */
const NEEDLESS = /[A-Za-z0-9._~!$&'()*+,=:@-]/;

/** Everything else is escaped, whoever wrote the URL. */
const NEEDS_ESCAPE = /[^\u0021-\u007e]|["<>`{}^|]/gu;

/**
 * Normalises the path of a URL: dot segments resolved, needless escapes decoded, needed ones made, escapes upper-case.
 * @param path As written, without query and fragment; empty is `/`.
 * @returns `{ refused }` for ambiguous or invalid escapes, empty segments, dots hidden behind `;`, and whatever changes
 *   when it is normalised twice.
 */
export function normalisePath(path: string): string | RefusedPath {
  if (BROKEN_ESCAPE.test(path)) return { refused: "the path holds an invalid escape" };
  if (AMBIGUOUS_ESCAPE.test(path))
    return { refused: "the path holds an escaped slash, backslash or percent sign" };
  if (CONTROL_ESCAPE.test(path)) return { refused: "the path holds an escaped control character" };
  const once = normaliseOnce(path);
  if (once === undefined) return { refused: "the path holds escapes that are not UTF-8" };
  if (once.includes("//"))
    return { refused: "the path holds an empty segment, which some servers leave out" };
  if (once.split("/").some(isHiddenDot))
    return { refused: "the path hides a dot segment behind a parameter" };
  // Nothing known gets here; a server that normalises again must find what was judged, whatever gets changed above.
  if (normaliseOnce(once) !== once) return { refused: "the path changes when it is normalised twice" };
  return once;
}

function normaliseOnce(path: string): string | undefined {
  let encoded: string;
  try {
    // Overlong and broken UTF-8 (`%c0%ae` for a dot) is read differently by different programs.
    decodeURIComponent(path);
    encoded = path.replace(NEEDS_ESCAPE, encodeURIComponent);
  } catch {
    // Thrown for escapes, or lone surrogates, that are no UTF-8: the caller refuses them.
    return undefined;
  }
  return withoutDots(encoded.replace(ESCAPE, decodeNeedless));
}

function decodeNeedless(escape: string, hex: string): string {
  const char = String.fromCharCode(Number.parseInt(hex, 16));
  return NEEDLESS.test(char) ? char : escape.toUpperCase();
}

/** RFC 3986 section 5.2.4. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/").slice(1);
  for (const [position, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    // A dot segment at the end leaves a folder, which ends in a slash.
    if (position === segments.length - 1 && (segment === "." || segment === "..")) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/** Some servers cut `;parameters` off before they resolve dots, others after. */
function isHiddenDot(segment: string): boolean {
  const bare = segment.split(";", 1)[0];
  return segment.includes(";") && (bare === "." || bare === "..");
}
