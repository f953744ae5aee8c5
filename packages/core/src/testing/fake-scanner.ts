import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { DetectorInfo, ScanChannel, Scanner, Span } from "../base/scanner.ts";

/** A detector that finds fixed texts. */
export interface FakeDetector {
  /** Its name, which is also the type of what it finds. */
  readonly name: string;
  readonly family: DetectorInfo["family"];
  /** What it finds, wherever it stands; none of them empty. */
  readonly texts: readonly string[];
  /** Where it looks. Default: in every channel. */
  readonly channels?: readonly ScanChannel[];
}

/**
 * Creates a scanner that finds fixed texts, always with score 1: what a test expects does not depend on a detector's
 * patterns.
 * @param detectors What it knows; it refuses the name of any other.
 * @throws AgentplaneError `usage_invalid` for a detector without a text, and when asked for one it does not have.
 */
export function createFakeScanner(detectors: readonly FakeDetector[]): Scanner {
  const infos = detectors.map(infoOf);
  return {
    detectors: infos,
    scan({ text, channel, detect }) {
      const chosen = [...new Set(detect)].map((name) => find(detectors, name));
      const looking = chosen.filter(({ channels }) => channels === undefined || channels.includes(channel));
      const spans = looking.flatMap((detector) => spansOf(detector, text));
      return { spans: spans.toSorted((a, b) => a.start - b.start || a.end - b.end), isTruncated: false };
    },
  };
}

function infoOf({ name, family, texts }: FakeDetector): DetectorInfo {
  if (texts.length === 0 || texts.includes("")) {
    throw new AgentplaneError("usage_invalid", `detector "${name}" needs texts to find, none of them empty`);
  }
  return { name, family, maxSpanChars: Math.max(...texts.map((text) => text.length)) };
}

function find(detectors: readonly FakeDetector[], name: string): FakeDetector {
  const detector = detectors.find((other) => other.name === name);
  if (detector !== undefined) return detector;
  const hint = suggest(
    name,
    detectors.map((other) => other.name),
  );
  throw new AgentplaneError("usage_invalid", `no detector "${name}"; ${hint}`);
}

function spansOf({ name, texts }: FakeDetector, text: string): readonly Span[] {
  return texts.flatMap((wanted) => {
    const spans: Span[] = [];
    for (
      let start = text.indexOf(wanted);
      start !== -1;
      start = text.indexOf(wanted, start + wanted.length)
    ) {
      spans.push({ type: name, start, end: start + wanted.length, score: 1 });
    }
    return spans;
  });
}
