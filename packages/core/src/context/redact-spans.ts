import { AgentplaneError } from "../base/errors.ts";
import type { ScanChannel, Scanner, Span } from "../base/scanner.ts";
import { aroundEscapes } from "./json-escapes.ts";
import { MaskedText } from "./masked-text.ts";
import { FIELD_TYPE, markersIn, typeName, type MarkerWriter, type Range } from "./redact-marker.ts";
import { strongerOf, type RedactDuty, type Treatment } from "./redact-plan.ts";

/** What scanning needs. */
export interface SpanRedaction {
  readonly scans: readonly RedactDuty[];
  readonly scanner: Scanner | undefined;
  readonly channel: ScanChannel;
  readonly writer: MarkerWriter;
  /** The text is JSON: a finding takes the whole of an escape that it touches, or what is left would be JSON no more. */
  readonly isJson?: boolean;
}

/** Removing one finding may join the text around it into the next; more rounds than this is an attack. */
const MAX_ROUNDS = 8;

/**
 * Replaces everything that the duties' detectors find: overlapping findings become one, with the strongest treatment.
 * Repeated until nothing is found, so that the result stays as it is when it is redacted again.
 * @throws AgentplaneError `usage_invalid` when a duty detects and there is no scanner.
 */
export function redactSpans(text: string, redaction: SpanRedaction): string {
  let current = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = findSpansAgain(current, redaction);
    if (found.length === 0) return current;
    const spans = redaction.isJson === true ? joinSpans(aroundEscapes(current, found)) : found;
    current = replaceSpans(current, spans, redaction.writer);
    // What was looked at last is what stands there now.
    if (spans === found && found.every(isFixedText)) return current;
  }
  return redaction.writer.write(FIELD_TYPE, text, "mask");
}

function isFixedText({ treatment }: Found): boolean {
  return treatment === "mask" || treatment === "drop";
}

/**
 * Everything that {@link redactSpans} replaces, as ranges of the text as it came: also what is found only once what stands
 * beside it was replaced.
 */
export function findSpansAgain(text: string, redaction: SpanRedaction): readonly Found[] {
  let spans = joinSpans(findSpans(text, redaction));
  for (let round = 1; spans.length > 0; round++) {
    if (round === MAX_ROUNDS) return [{ type: FIELD_TYPE, start: 0, end: text.length, treatment: "mask" }];
    const masked = new MaskedText(text, spans);
    const more = findSpans(masked.text, redaction);
    if (more.length === 0) return spans;
    spans = joinSpans([...spans, ...more.map((span) => masked.original(span))]);
  }
  return spans;
}

/** A finding to be replaced. */
export interface Found extends Range {
  readonly type: string;
  readonly treatment: Treatment;
}

/** What the duties' detectors find in a text, except what stands in a marker already; findings may overlap. */
export function findSpans(text: string, redaction: SpanRedaction): readonly Found[] {
  const { scans, channel } = redaction;
  const scanner = requireScanner(redaction.scanner);
  const found: Found[] = [];
  for (const { detect, treatment } of scans) {
    for (const { type, start, end } of scanAll(text, scanner, { channel, detect })) {
      if (end > start) found.push({ type, start, end, treatment });
    }
  }
  if (found.length === 0) return found;
  const types = new Set([FIELD_TYPE, ...found.map(({ type }) => typeName(type)), ...namesOf(scanner)]);
  const markers = markersIn(text, types);
  if (markers.length === 0) return found;
  return found.filter((span) => !markers.some(({ start, end }) => start <= span.start && span.end <= end));
}

const names = new WeakMap<Scanner, readonly string[]>();

function namesOf(scanner: Scanner): readonly string[] {
  let known = names.get(scanner);
  if (known === undefined) {
    known = scanner.detectors.map(({ name }) => typeName(name));
    names.set(scanner, known);
  }
  return known;
}

interface ScanOptions {
  readonly channel: ScanChannel;
  readonly detect: readonly string[];
}

/** Findings are longer than this only by families that judge a whole text, which one half shows as well. */
const OVERLAP_CHARS = 8_192;

/** A scanner looks at long texts in part; nothing may hide in the rest, so those are scanned in overlapping halves. */
function scanAll(text: string, scanner: Scanner, options: ScanOptions): readonly Span[] {
  const { spans, isTruncated } = scanner.scan({ text, ...options });
  if (!isTruncated) return spans;
  // Too short to halve: what cannot be looked at is a finding itself.
  if (text.length <= OVERLAP_CHARS * 4) return [{ type: FIELD_TYPE, start: 0, end: text.length, score: 1 }];
  const middle = Math.floor(text.length / 2);
  const from = middle - OVERLAP_CHARS;
  const left = scanAll(text.slice(0, middle + OVERLAP_CHARS), scanner, options);
  const right = scanAll(text.slice(from), scanner, options);
  return [...left, ...right.map((span) => ({ ...span, start: span.start + from, end: span.end + from }))];
}

/** The union of overlapping findings: the type of the longest, the strongest treatment. O(n log n). */
export function joinSpans(found: readonly Found[]): readonly Found[] {
  const ordered = found.toSorted((a, b) => a.start - b.start || b.end - a.end || (a.type < b.type ? -1 : 1));
  const joined: { type: string; start: number; end: number; treatment: Treatment; longest: number }[] = [];
  for (const span of ordered) {
    const last = joined.at(-1);
    const length = span.end - span.start;
    if (last === undefined || span.start >= last.end) {
      joined.push({ ...span, longest: length });
      continue;
    }
    last.end = Math.max(last.end, span.end);
    last.treatment = strongerOf(last.treatment, span.treatment) ?? span.treatment;
    if (length > last.longest) {
      last.longest = length;
      last.type = span.type;
    }
  }
  return joined;
}

/** Writes a text with its findings replaced; they must not overlap. */
export function replaceSpans(text: string, spans: readonly Found[], writer: MarkerWriter): string {
  let result = "";
  let position = 0;
  for (const { type, start, end, treatment } of spans) {
    result += text.slice(position, start) + writer.write(type, text.slice(start, end), treatment);
    position = end;
  }
  return result + text.slice(position);
}

function requireScanner(scanner: Scanner | undefined): Scanner {
  if (scanner !== undefined) return scanner;
  throw new AgentplaneError(
    "usage_invalid",
    "a redaction detects text and there is no scanner; pass createAgentPlane({ scanner: createScanner() })",
  );
}
