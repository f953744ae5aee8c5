/** Where a check of a JSON text stands: the open containers, and what may come next. */
interface Check {
  readonly text: string;
  readonly end: number;
  at: number;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = ["true", "false", "null"] as const;
const HEX = /^[0-9a-fA-F]{4}$/;

/**
 * Tells whether a part of a text is one JSON object or array, as `JSON.parse` would: linear, without recursion, and
 * without an exception for each of the many lines that are not.
 * @param start Where the part starts; its white space and byte order mark around do not count.
 * @param end Where it ends.
 */
export function isJsonContainer(text: string, start = 0, end = text.length): boolean {
  const first = skipSpace(text, start, end, UNICODE_SPACE);
  const last = endOfContent(text, first, end);
  const open = text[first];
  if ((open !== "{" && open !== "[") || text[last - 1] !== (open === "{" ? "}" : "]")) return false;
  return containerFrom({ text, end: last, at: first }).end === last;
}

/**
 * Reads one JSON object or array at the beginning of a part of a text; what follows it does not count.
 * @returns Where it ends; undefined where it breaks off, with the brackets that are open there.
 */
export function containerFrom(check: Check): { readonly end?: number; readonly open: readonly number[] } {
  const open: string[] = [];
  const starts: number[] = [];
  let next: Next | undefined = "value";
  while (next !== undefined) {
    check.at = skipSpace(check.text, check.at, check.end, JSON_SPACE);
    if (check.at >= check.end) break;
    const { at } = check;
    next = step(check, next, open);
    if (open.length > starts.length) starts.push(at);
    else if (open.length < starts.length) starts.pop();
    if (open.length === 0 && next !== undefined) return { end: check.at, open: starts };
  }
  return { open: starts };
}

/** Where a quoted text ends that is one of JSON; undefined where it is none. */
export function endOfQuoted(text: string, start: number): number | undefined {
  const check = { text, end: text.length, at: start };
  return string(check) ? check.at : undefined;
}

const JSON_SPACE = /[ \t\n\r]/;
/** What `trim` takes away, the byte order mark too. */
const UNICODE_SPACE = /\s/;

function skipSpace(text: string, from: number, end: number, space: RegExp): number {
  let at = from;
  while (at < end && space.test(text[at] ?? "")) at++;
  return at;
}

function endOfContent(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && UNICODE_SPACE.test(text[at - 1] ?? "")) at--;
  return at;
}

type Next = "value" | "firstItem" | "firstName" | "name" | "end";

/** Reads one piece; undefined where the text is not JSON. */
function step(check: Check, next: Next, open: string[]): Next | undefined {
  const char = check.text[check.at] ?? "";
  const isClosing = next === "end" || next === "firstItem" || next === "firstName";
  if (isClosing && char === open.at(-1)) {
    check.at++;
    open.pop();
    return "end";
  }
  if (next === "end") {
    if (char !== ",") return undefined;
    check.at++;
    return open.at(-1) === "}" ? "name" : "value";
  }
  if (next === "name" || next === "firstName") return name(check);
  return value(check, char, open);
}

function name(check: Check): Next | undefined {
  if (!string(check)) return undefined;
  check.at = skipSpace(check.text, check.at, check.end, JSON_SPACE);
  if (check.text[check.at] !== ":") return undefined;
  check.at++;
  return "value";
}

function value(check: Check, char: string, open: string[]): Next | undefined {
  if (char === "{" || char === "[") {
    check.at++;
    open.push(char === "{" ? "}" : "]");
    return char === "{" ? "firstName" : "firstItem";
  }
  return (char === '"' ? string(check) : number(check) || word(check)) ? "end" : undefined;
}

function number(check: Check): boolean {
  NUMBER.lastIndex = check.at;
  const found = NUMBER.exec(check.text);
  if (found === null) return false;
  check.at += found[0].length;
  return true;
}

function word(check: Check): boolean {
  const found = WORDS.find((one) => check.text.startsWith(one, check.at));
  check.at += found?.length ?? 0;
  return found !== undefined;
}

function string(check: Check): boolean {
  const { text, end } = check;
  if (text[check.at] !== '"') return false;
  for (let at = check.at + 1; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      check.at = at + 1;
      return true;
    }
    if (unit < 0x20) return false;
    if (unit !== 0x5c) continue;
    const escape = text[++at] ?? "";
    if (escape === "u") {
      if (!HEX.test(text.slice(at + 1, at + 5))) return false;
      at += 4;
    } else if (!'"\\/bfnrt'.includes(escape)) return false;
  }
  return false;
}
