import { builtInDetectors } from "./built-in-detectors.ts";
import type { ScanChannel } from "./channel.ts";
import type { Detector, DetectorInfo } from "./detector.ts";
import { SafetyError } from "./safety-error.ts";
import { compareSpans, type Span } from "./span.ts";

/** What to scan: a text, where it came from, and the names of the detectors to run. */
export interface ScanRequest {
  readonly text: string;
  readonly channel: ScanChannel;
  readonly detect: readonly string[];
}

/** What was found, in text order; `isTruncated` says that the middle of an oversize text was not looked at. */
export interface ScanResult {
  readonly spans: readonly Span[];
  readonly isTruncated: boolean;
}

/** Finds what its detectors know in a text: synchronous, pure, and linear in the length of the text. */
export interface Scanner {
  readonly detectors: readonly DetectorInfo[];
  /**
   * Scans one text. Findings of one type never overlap; findings of different types may (see `resolveSpans`).
   * @throws SafetyError `detector_unknown` when `detect` names a detector this scanner does not have.
   */
  scan(request: ScanRequest): ScanResult;
}

const DEFAULT_MAX_SCAN_CHARS = 1_048_576;
const OPTIONS = ["detectors", "maxScanChars"];

/**
 * Creates a scanner.
 * @param options `detectors`: default all built-in ones. `maxScanChars`: UTF-16 units, default 1,048,576; of a longer
 *   text only the first and the last half of that many are scanned, and the result says `isTruncated`.
 * @throws SafetyError `detector_duplicate` for two detectors of one name, `option_invalid` for a bad `maxScanChars` or an option
 *   that does not exist.
 */
export function createScanner(
  options: { readonly detectors?: readonly Detector[]; readonly maxScanChars?: number } = {},
): Scanner {
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new SafetyError(
      "option_invalid",
      `createScanner has no option "${unknown}": use ${OPTIONS.join(", ")}`,
    );
  }
  const { detectors = builtInDetectors, maxScanChars = DEFAULT_MAX_SCAN_CHARS } = options;
  if (!Number.isSafeInteger(maxScanChars) || maxScanChars < 2) {
    throw new SafetyError(
      "option_invalid",
      `maxScanChars must be an integer of at least 2, not ${maxScanChars}`,
    );
  }
  const byName = indexByName(detectors);
  return {
    detectors: detectors.map(toInfo),
    scan({ text, channel, detect }) {
      const chosen = [...new Set(detect)].map((name) => requireDetector(byName, name));
      if (text.length <= maxScanChars) return { spans: scanPart(text, channel, chosen), isTruncated: false };
      return { spans: scanEnds(text, channel, { chosen, maxScanChars }), isTruncated: true };
    },
  };
}

function indexByName(detectors: readonly Detector[]): ReadonlyMap<string, Detector> {
  const byName = new Map<string, Detector>();
  for (const detector of detectors) {
    if (byName.has(detector.name)) {
      throw new SafetyError(
        "detector_duplicate",
        `two detectors are named "${detector.name}": rename one of them`,
      );
    }
    byName.set(detector.name, detector);
  }
  return byName;
}

function requireDetector(byName: ReadonlyMap<string, Detector>, name: string): Detector {
  const detector = byName.get(name);
  // A misspelt name must not silently detect nothing.
  if (detector === undefined) {
    throw new SafetyError(
      "detector_unknown",
      `no detector "${name}": this scanner has ${[...byName.keys()].join(", ")}`,
    );
  }
  return detector;
}

function toInfo(detector: Detector): DetectorInfo {
  const { name, family, maxSpanChars, holdBackChars } = detector;
  return { name, family, maxSpanChars, ...(holdBackChars === undefined ? {} : { holdBackChars }) };
}

function scanPart(text: string, channel: ScanChannel, chosen: readonly Detector[]): Span[] {
  return chosen.flatMap((detector) => mergeOverlaps(detector.find(text, channel))).toSorted(compareSpans);
}

function scanEnds(
  text: string,
  channel: ScanChannel,
  { chosen, maxScanChars }: { readonly chosen: readonly Detector[]; readonly maxScanChars: number },
): Span[] {
  const headChars = Math.ceil(maxScanChars / 2);
  const tailStart = text.length - (maxScanChars - headChars);
  const head = scanPart(text.slice(0, headChars), channel, chosen);
  const tail = scanPart(text.slice(tailStart), channel, chosen);
  return [
    ...head,
    ...tail.map((span) => ({ ...span, start: span.start + tailStart, end: span.end + tailStart })),
  ];
}

function mergeOverlaps(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted(compareSpans)) {
    const last = merged.at(-1);
    if (last === undefined || span.start >= last.end) {
      merged.push(span);
      continue;
    }
    merged[merged.length - 1] = {
      ...last,
      end: Math.max(last.end, span.end),
      score: Math.max(last.score, span.score),
    };
  }
  return merged;
}
