import { hasWordBefore } from "../context-words.ts";
import type { Detector } from "../detector.ts";
import { findMatches } from "../find-matches.ts";
import type { Span } from "../span.ts";

const V4 = /(?<![\w.\u00c0-\u024f]|[A-Za-z\]]-)\d{1,3}(?:\.\d{1,3}){3}(?!\.?[\w\u00c0-\u024f]|\.\[)/g;
const V6 =
  /(?<![\w:.\u00c0-\u024f]|\](?=:))[0-9A-Fa-f:]{2,39}(?:\.\d{1,3}){0,3}(?![\w:\u00c0-\u024f]|\.[\d[]|(?<=:)\[)/g;
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const V6_GROUP = /^[0-9a-f]{1,4}$/i;
const VERSION_WORD =
  /(?<![\w.\u00c0-\u024f-])(?:v|version|ver|release|build|firmware|rev|revision)[\s:="']{0,4}$/i;

/**
 * Finds IP addresses of both versions (RFC 791, RFC 4291), also IPv6 with an embedded IPv4. Four numbers that the text
 * calls a version are left alone.
 */
export const ip: Detector = {
  name: "ip",
  family: "pii",
  maxSpanChars: 51,
  patterns: [V4, V6, OCTET, V6_GROUP, VERSION_WORD],
  find(text) {
    const v4 = findMatches(text, V4).filter(
      (match) => isIpv4(match[0]) && !hasWordBefore(text, match.index, VERSION_WORD),
    );
    const v6 = findMatches(text, V6).filter((match) => isIpv6(match[0]));
    return [...v4, ...v6].map(toSpan);
  },
};

function toSpan(match: RegExpExecArray): Span {
  return { type: "ip", start: match.index, end: match.index + match[0].length, score: 0.9 };
}

function isIpv4(address: string): boolean {
  return address.split(".").every((octet) => OCTET.test(octet) && Number(octet) <= 255);
}

function isIpv6(address: string): boolean {
  const halves = address.split("::");
  if (halves.length > 2 || !address.includes(":")) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1);
  const hasIpv4 = last !== undefined && last.includes(".");
  if (hasIpv4 && !isIpv4WithAllOctets(last)) return false;
  const hexGroups = hasIpv4 ? groups.slice(0, -1) : groups;
  if (!hexGroups.every((group) => V6_GROUP.test(group))) return false;
  const count = hexGroups.length + (hasIpv4 ? 2 : 0);
  // Without a digit, `a::b` is more likely a name in a program.
  return halves.length === 2 ? count >= 1 && count <= 7 && /\d/.test(address) : count === 8;
}

function isIpv4WithAllOctets(address: string): boolean {
  return address.split(".").length === 4 && isIpv4(address);
}
