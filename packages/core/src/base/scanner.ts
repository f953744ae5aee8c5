/** Where a text came from: the same words mean different things in a prompt and in a tool's result. */
export type ScanChannel = "user" | "tool_result" | "tool_description" | "tool_input" | "model_output";

/** One finding: the text from `start` to `end` (UTF-16 units) is of `type`, with a score from 0 to 1. */
export interface Span {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly score: number;
}

/** A detector a scanner offers; `maxSpanChars` is the longest finding, which bounds a stream's hold-back. */
export interface DetectorInfo {
  readonly name: string;
  readonly family: "pii" | "injection" | "secret" | "toxicity";
  readonly maxSpanChars: number;
  /** For long findings that are recognised by their beginning: how much text makes one certain. Default: all of it. */
  readonly holdBackChars?: number;
}

/** How much text before and after a finding a detector may read to decide on it, in UTF-16 units. */
export const SCAN_CONTEXT_CHARS = 64;

/**
 * The port through which text detectors come in; `createScanner()` of `@agentplane/safety` fills it.
 * Synchronous and linear-time: a scanner that tool output can stall would itself be a vulnerability.
 */
export interface Scanner {
  readonly detectors: readonly DetectorInfo[];
  scan(request: {
    readonly text: string;
    readonly channel: ScanChannel;
    readonly detect: readonly string[];
  }): {
    readonly spans: readonly Span[];
    readonly isTruncated: boolean;
  };
}
