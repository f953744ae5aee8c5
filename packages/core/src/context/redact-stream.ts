import { SCAN_CONTEXT_CHARS } from "../base/scanner.ts";
import { startsLikeJson } from "./json-text.ts";
import { redactText, type RedactDeps } from "./redact.ts";
import { MarkerWriter } from "./redact-marker.ts";
import { planOf, type RedactDuty, type RedactPlan } from "./redact-plan.ts";
import { findSpansAgain, joinSpans, replaceSpans, type Found } from "./redact-spans.ts";

/** Redacts a text that arrives in pieces. */
export interface TextStreamRedactor {
  /** Takes the next piece and gives what can be shown now: never a part of what may still become a finding. */
  push(piece: string): string;
  /** Ends the text and gives the redacted rest. */
  flush(): string;
}

/**
 * Creates a redactor whose output, over any chunking, is the redaction of the whole text.
 * @param duties What is redacted. Fields, and dropped findings, need the whole text: everything is held until `flush`.
 * @param holdBackChars The longest text that makes a finding certain, with the context it is read in.
 */
export function createTextStreamRedactor(
  duties: readonly RedactDuty[],
  holdBackChars: number,
  deps: RedactDeps,
): TextStreamRedactor {
  if (duties.length === 0) return { push: (piece) => piece, flush: () => "" };
  const plan = planOf(duties);
  // Dropping joins what stood around a finding, which may be a finding again: only the whole text can tell.
  const isWhole = plan.hasFields || plan.scans.some(({ treatment }) => treatment === "drop");
  return isWhole
    ? new WholeRedactor(duties, deps)
    : new WindowRedactor(plan, { duties, holdBackChars, deps });
}

class WholeRedactor implements TextStreamRedactor {
  readonly #duties: readonly RedactDuty[];
  readonly #deps: RedactDeps;
  #text = "";

  constructor(duties: readonly RedactDuty[], deps: RedactDeps) {
    this.#duties = duties;
    this.#deps = deps;
  }

  push(piece: string): string {
    this.#text += piece;
    return "";
  }

  flush(): string {
    const text = this.#text;
    this.#text = "";
    return redactText(text, this.#duties, this.#deps);
  }
}

/** Holds back a window of text, with a little of what was already shown as context for the detectors. */
class WindowRedactor implements TextStreamRedactor {
  readonly #plan: RedactPlan;
  readonly #options: { duties: readonly RedactDuty[]; holdBackChars: number; deps: RedactDeps };
  readonly #writer: MarkerWriter;
  #context = "";
  #held = "";
  #scannedChars = 0;
  /** A text that starts like JSON is redacted by its decoded values too, which only the whole of it shows. */
  #isJson: boolean | undefined;

  constructor(
    plan: RedactPlan,
    options: { duties: readonly RedactDuty[]; holdBackChars: number; deps: RedactDeps },
  ) {
    this.#plan = plan;
    this.#options = options;
    this.#writer = new MarkerWriter(options.deps.hash);
  }

  push(piece: string): string {
    this.#held += piece;
    this.#isJson ??= startsLikeJson(this.#held);
    if (this.#isJson !== false || !this.#isWorthScanning()) return "";
    return this.#release(false);
  }

  flush(): string {
    if (this.#isJson === false) return this.#release(true);
    const text = this.#held;
    this.#held = "";
    return redactText(text, this.#options.duties, this.#options.deps);
  }

  /** While a long finding grows, what is held is scanned again only after it grew by an eighth: linear in the end. */
  #isWorthScanning(): boolean {
    const { length } = this.#held;
    const { holdBackChars } = this.#options;
    return length > holdBackChars && (length <= 2 * holdBackChars || length >= this.#scannedChars * 1.125);
  }

  #release(isEnd: boolean): string {
    const spans = this.#findings();
    const cut = isEnd ? this.#held.length : this.#safeCut(spans);
    const text = this.#held.slice(0, cut);
    const shown = replaceSpans(
      text,
      spans.filter(({ end }) => end <= cut),
      this.#writer,
    );
    this.#context = (this.#context + text).slice(-SCAN_CONTEXT_CHARS);
    this.#held = this.#held.slice(cut);
    this.#scannedChars = this.#held.length;
    return shown;
  }

  #findings(): readonly Found[] {
    const { scanner, channel } = this.#options.deps;
    const offset = this.#context.length;
    const redaction = { scans: this.#plan.scans, scanner, channel, writer: this.#writer };
    const found = findSpansAgain(this.#context + this.#held, redaction).filter(
      ({ start }) => start >= offset,
    );
    return joinSpans(found.map((span) => ({ ...span, start: span.start - offset, end: span.end - offset })));
  }

  /** The end of what no later text can change: not within a finding, not within a surrogate pair. */
  #safeCut(spans: readonly Found[]): number {
    const decided = Math.max(0, this.#held.length - this.#options.holdBackChars);
    const unit = this.#held.charCodeAt(decided - 1);
    const isPairSplit = unit >= 0xd8_00 && unit <= 0xdb_ff;
    const cut = isPairSplit ? decided - 1 : decided;
    return spans.find(({ start, end }) => start < cut && end > cut)?.start ?? cut;
  }
}
