import type { JsonValue } from "../base/json.ts";
import { normalisePath } from "./api-path.ts";
import type { ApiCall } from "./context.ts";
import { getPath } from "./path.ts";

/** Why an HTTP call cannot be judged, for people; never repeats the URL. */
export interface RefusedCall {
  readonly refused: string;
}

/** The part of the web-standard `URL` that is used here: pure, and the same on every runtime that core runs on. */
declare const URL: new (url: string) => { readonly hostname: string; readonly port: string };

/** Scheme, authority, and the rest as written; `https:/host` and `https:host` are spellings that only some accept. */
const ABSOLUTE = /^(https?):\/\/([^/?#]+)([^?#]*)/i;

/** Clients strip, keep or encode these; and some take a backslash for a slash. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

const METHOD = /^[A-Za-z]{1,32}$/;

const MAPPED_IPV4 = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/**
 * Normalises an HTTP call once, so that a rule and a server read the same: upper-case method, lower-case host in
 * punycode without a trailing dot, canonical numeric IPv4, default port left out, dot segments resolved, needless
 * escapes decoded. What two programs could read differently is refused.
 * @param method Such as `get`.
 * @param url Absolute, `http` or `https`.
 * @returns The call without query and fragment; `{ refused }` says why it cannot be judged.
 */
export function normaliseApiCall(method: string, url: string): ApiCall | RefusedCall {
  if (typeof method !== "string" || !METHOD.test(method)) return { refused: "the method is not a word" };
  if (typeof url !== "string") return { refused: "the URL is not a text" };
  if (CONTROL.test(url)) return { refused: "the URL holds a control character" };
  if (url.includes("\\"))
    return { refused: "the URL holds a backslash, which some programs read as a slash" };
  const match = ABSOLUTE.exec(url);
  if (match === null) return { refused: "the URL is not an absolute http or https URL" };
  const [, scheme = "", authority = "", rawPath = ""] = match;
  const place = placeOf(scheme.toLowerCase(), authority);
  if ("refused" in place) return place;
  const path = normalisePath(rawPath);
  if (typeof path !== "string") return path;
  return Object.freeze({ method: method.toUpperCase(), path, ...place });
}

/** The URL of a normalised call, without its query. */
export function urlOf({ scheme, host, port, path }: ApiCall): string {
  return `${scheme}://${host}${port === undefined ? "" : `:${port}`}${path}`;
}

/**
 * The HTTP call of a mapped tool.
 * @param traits The tool's `api` mapping; a value that starts with `$` is a path into the input.
 * @param input The tool's input.
 * @returns `{ refused }` for a call that cannot be judged; undefined without a mapping, or where the input does not say.
 */
export function apiCallOf(
  traits: { readonly method: string; readonly url: string } | undefined,
  input: JsonValue | undefined,
): ApiCall | RefusedCall | undefined {
  if (traits === undefined) return undefined;
  const method = resolve(traits.method, input);
  const url = resolve(traits.url, input);
  return method === undefined || url === undefined ? undefined : normaliseApiCall(method, url);
}

function resolve(template: string, input: JsonValue | undefined): string | undefined {
  if (!template.startsWith("$")) return template;
  const value = input === undefined ? undefined : getPath(input, template);
  return typeof value === "string" ? value : undefined;
}

type Place = Pick<ApiCall, "scheme" | "host" | "port">;

function placeOf(scheme: string, authority: string): Place | RefusedCall {
  if (authority.includes("@"))
    return { refused: "the URL holds user information, which can look like a host" };
  if (authority.includes("%")) return { refused: "the host holds an escape" };
  const parsed = parse(`${scheme}://${authority}/`);
  if (parsed === undefined) return { refused: "the host or the port is not valid" };
  const host = withoutDot(parsed.hostname);
  // What is left must be a host that means itself: no second dot, no number that shows once the dot is gone.
  if (
    host.startsWith(".") ||
    host.endsWith(".") ||
    host.includes("..") ||
    parse(`${scheme}://${host}/`)?.hostname !== host
  )
    return { refused: "the host is not valid" };
  const ipv4 = MAPPED_IPV4.exec(host);
  return {
    scheme,
    host: ipv4 === null ? host : dotted(ipv4),
    ...(parsed.port !== "" && { port: Number(parsed.port) }),
  };
}

function parse(url: string): { readonly hostname: string; readonly port: string } | undefined {
  try {
    return new URL(url);
  } catch {
    // The only thing a URL's constructor throws is that it is none.
    return undefined;
  }
}

function withoutDot(host: string): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

/** An IPv4 address inside an IPv6 one reaches the same machine, so it has the same name. */
function dotted([, high = "", low = ""]: readonly string[]): string {
  const bits = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}
