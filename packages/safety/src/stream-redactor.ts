import type { ScanChannel } from "./channel.ts";
import { CONTEXT_CHARS, holdBackOf, WHOLE_TEXT } from "./detector.ts";
import type { Replace } from "./redact-text.ts";
import { resolveSpans } from "./resolve-spans.ts";
import { SafetyError } from "./safety-error.ts";
import type { Scanner } from "./scanner.ts";
import type { Span } from "./span.ts";

/** Redacts a text that arrives in pieces. */
export interface StreamRedactor {
  /**
   * Takes the next piece.
   * @returns What can be shown now: redacted, and never a part of something that may still turn out to be a finding.
   * @throws SafetyError `stream_closed` after `flush`, `scan_truncated` if the scanner's limit is below one window.
   */
  push(chunk: string): string;
  /** Ends the stream and returns the redacted rest. */
  flush(): string;
}

/** How a stream is redacted. */
export interface StreamRedactorOptions {
  readonly scanner: Scanner;
  /** Names of detectors, as in `ScanRequest`. */
  readonly detect: readonly string[];
  readonly channel: ScanChannel;
  /** Gives the replacement of a finding, such as `createReplace({ mode: "mask" })`. */
  readonly replace: Replace;
}

/** At most this much new text is looked at in one scan, whatever the size of a chunk. */
const MAX_STEP_CHARS = 4_096;

/**
 * Creates a redactor whose output over any chunking equals the redaction of the whole text.
 *
 * It holds back the longest possible finding plus its context (see `Detector`), and more only while a finding at the
 * edge is still growing, such as a private key. Detectors that judge the whole text hold everything until `flush`.
 * @param options The scanner, its detectors, and the replacement.
 * @throws SafetyError `detector_unknown` when `detect` names a detector that the scanner does not have.
 */
export function createStreamRedactor(options: StreamRedactorOptions): StreamRedactor {
  return new WindowRedactor(options);
}

class WindowRedactor implements StreamRedactor {
  readonly #options: StreamRedactorOptions;
  readonly #holdBackChars: number;
  readonly #contextChars: number;
  /** Text already shown, kept as it was because detectors read what stands before a finding. */
  #context = "";
  #held = "";
  /** Length of `#held` after the last scan that could not release it; see `#isWorthScanning`. */
  #scannedChars = 0;
  #isClosed = false;

  constructor(options: StreamRedactorOptions) {
    this.#options = options;
    this.#holdBackChars = holdBackChars(options);
    // Near the beginning of a window a detector takes the middle of a word for its beginning. What it finds there ends
    // before the held text, or it would be merged with what really begins in that.
    this.#contextChars = CONTEXT_CHARS + (this.#holdBackChars === WHOLE_TEXT ? 0 : this.#holdBackChars);
  }

  push(chunk: string): string {
    this.#requireOpen();
    let shown = "";
    for (let from = 0; from < chunk.length; from += MAX_STEP_CHARS) {
      this.#held += chunk.slice(from, from + MAX_STEP_CHARS);
      if (this.#isWorthScanning()) shown += this.#release(false);
    }
    return shown;
  }

  flush(): string {
    this.#requireOpen();
    this.#isClosed = true;
    return this.#held === "" ? "" : this.#release(true);
  }

  #requireOpen(): void {
    if (this.#isClosed)
      throw new SafetyError("stream_closed", "this stream was flushed: create a redactor per stream");
  }

  /**
   * While a long finding grows, what is held is scanned again only after it has grown by an eighth: otherwise a
   * stream of single characters would cost quadratic time.
   */
  #isWorthScanning(): boolean {
    const { length } = this.#held;
    return (
      length > this.#holdBackChars &&
      (length <= 2 * this.#holdBackChars || length >= this.#scannedChars * 1.125)
    );
  }

  #release(isEnd: boolean): string {
    const spans = this.#scan(isEnd);
    const cut = isEnd ? this.#held.length : this.#safeCut(spans);
    let shown = "";
    let position = 0;
    for (const span of spans) {
      if (span.end > cut) break;
      const value = this.#held.slice(span.start, span.end);
      shown += this.#held.slice(position, span.start) + this.#options.replace(value, span);
      position = span.end;
    }
    shown += this.#held.slice(position, cut);
    this.#context = (this.#context + this.#held.slice(0, cut)).slice(-this.#contextChars);
    this.#held = this.#held.slice(cut);
    this.#scannedChars = this.#held.length;
    return shown;
  }

  /** Findings within the held text, resolved; what begins in the context was decided before. */
  #scan(isEnd: boolean): readonly Span[] {
    const { detect } = this.#options;
    const offset = this.#context.length;
    const found = this.#find(detect, isEnd);
    // No real finding reaches over the cut, because none is cut. What seems to may be merged with one of another kind
    // that begins in the held text: apart, it hides nothing.
    const isMerged = found.some(({ start, end }) => start < offset && end > offset);
    const spans = isMerged ? detect.flatMap((name) => this.#find([name], isEnd)) : found;
    return resolveSpans(
      spans
        .filter((span) => span.start >= offset)
        .map((span) => ({ ...span, start: span.start - offset, end: span.end - offset })),
    );
  }

  #find(detect: readonly string[], isEnd: boolean): readonly Span[] {
    const { scanner, channel } = this.#options;
    const text = this.#context + this.#held;
    const { spans, isTruncated } = scanner.scan({ text, channel, detect });
    if (isTruncated && !(isEnd && this.#holdBackChars === WHOLE_TEXT)) {
      throw new SafetyError(
        "scan_truncated",
        `the scanner looked at only a part of ${text.length} held characters: raise its maxScanChars`,
      );
    }
    return spans;
  }

  /** The end of what no later text can change: not within a surrogate pair, not within a finding. */
  #safeCut(spans: readonly Span[]): number {
    const decided = Math.max(0, this.#held.length - this.#holdBackChars);
    const isPairSplit = /^[\ud800-\udbff][\udc00-\udfff]$/.test(
      this.#held.slice(Math.max(0, decided - 1), decided + 1),
    );
    const cut = isPairSplit ? decided - 1 : decided;
    return spans.find((span) => span.start < cut && span.end > cut)?.start ?? cut;
  }
}

function holdBackChars({ scanner, detect }: StreamRedactorOptions): number {
  const held = detect.map((name) => {
    const info = scanner.detectors.find((detector) => detector.name === name);
    if (info === undefined)
      throw new SafetyError("detector_unknown", `this scanner has no detector "${name}"`);
    return holdBackOf(info);
  });
  const longest = Math.max(0, ...held);
  return longest === WHOLE_TEXT ? WHOLE_TEXT : longest + CONTEXT_CHARS;
}
