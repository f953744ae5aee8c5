/** A name that a server may take a resource's URI for. */
export interface UriReading {
  readonly name: string;
  /** Whether it counts only where a policy speaks of it: it names the same thing in characters that a policy may have used. */
  readonly isOtherSpelling: boolean;
}

const SCHEME = /^([a-z][a-z\d+.-]*):/i;
/** What nobody need escape (RFC 3986, 2.2 and 2.3), and what separates: servers that decode all of it find those as well. */
const PLAIN = /[\w\-.~!$&'()*+,;=:@/\\]/;
const ESCAPES = /(?:%[\da-f]{2})+/gi;
/** An expression of a template; all that comes of it begins with its operator (RFC 6570, section 3.2). */
const EXPRESSION = /\{([/.;?&#])/g;

/**
 * The names that a server may take a URI for: as it is written; without what readers leave out, such as `..` and needless
 * escapes (RFC 3986, section 6.2.2; WHATWG URL); and with all its characters as they are, or escaped. Of a template what all
 * that it stands for begins with.
 * @returns Each once, the one that is written first: most URIs have that alone.
 */
export function uriReadings(uri: string): readonly UriReading[] {
  const normal = normalOf(uri);
  const decoded = normalOf(decodedOf(uri));
  const readings = [
    { name: uri, isOtherSpelling: false },
    { name: normal, isOtherSpelling: false },
    { name: decoded, isOtherSpelling: true },
    { name: ofTheWeb(uri) ?? uri, isOtherSpelling: true },
    { name: encodedOf(decoded), isOtherSpelling: true },
    { name: normalOf(uri.replaceAll(EXPRESSION, "$1{")), isOtherSpelling: true },
  ];
  return readings.filter(({ name }, at) => readings.findIndex((one) => one.name === name) === at);
}

/** As clients of HTTP read it: the host in lower case, no default port, slashes wherever a backslash stands. */
function ofTheWeb(uri: string): string | undefined {
  const plain = uri.trim();
  return /^(?:https?|wss?|ftp):/i.test(plain) && URL.canParse(plain)
    ? normalOf(new URL(plain).href)
    : undefined;
}

function normalOf(uri: string): string {
  // Browsers and Node.js take these out wherever they stand.
  const plain = withoutNeedlessEscapes(uri.replaceAll(/[\t\n\r]/g, "").trim());
  const [whole = "", name = ""] = SCHEME.exec(plain) ?? [];
  if (whole === "") return plain;
  const scheme = name.toLowerCase();
  const rest = plain.slice(whole.length);
  if (scheme === "file") return `file://${filePath(rest)}`;
  if (!rest.startsWith("//")) return `${scheme}:${rest}`;
  const end = rest.slice(2).search(/[/?#]/);
  if (end === -1) return `${scheme}:${rest}`;
  const [, path = "", after = ""] = /^([^?#]*)(.*)$/s.exec(rest.slice(2 + end)) ?? [];
  return `${scheme}:${rest.slice(0, 2 + end)}${withoutDots(path)}${after}`;
}

/** A file's query and fragment are nobody's, a backslash is a slash, and this machine needs no name. */
function filePath(rest: string): string {
  const [path = ""] = rest.replaceAll("\\", "/").split(/[?#]/);
  const local = path.replace(/^\/\/localhost(?=\/|$)/i, "//");
  const [, host = ""] = /^\/\/([^/]+)/.exec(local) ?? [];
  const own = host === "" ? local : local.slice(2 + host.length);
  return `${host.toLowerCase()}${withoutDots(`/${own}`.replaceAll(/\/{2,}/g, "/"))}`;
}

/** Complexity: linear in the path. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const [at, segment] of segments.entries()) {
    const isLast = at === segments.length - 1;
    if (segment !== "." && segment !== "..") kept.push(segment);
    // What stands before the first slash is not left.
    if (segment === ".." && kept.length > 1) kept.pop();
    if ((segment === "." || segment === "..") && isLast) kept.push("");
  }
  return kept.join("/");
}

function withoutNeedlessEscapes(text: string): string {
  return text.replaceAll(/%[\da-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return PLAIN.test(character) ? character : escape.toUpperCase();
  });
}

function decodedOf(text: string): string {
  return text.replaceAll(ESCAPES, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      // No UTF-8: what of it is ASCII is that to every reader.
      return withoutNeedlessEscapes(escapes);
    }
  });
}

function encodedOf(text: string): string {
  try {
    return encodeURI(text);
  } catch {
    // Half a character cannot be escaped, and no policy can name it so.
    return text;
  }
}
