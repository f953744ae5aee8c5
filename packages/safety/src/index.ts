export { builtInDetectors } from "./built-in-detectors.ts";
export type { ScanChannel } from "./channel.ts";
export {
  CONTEXT_CHARS,
  WHOLE_TEXT,
  type Detector,
  type DetectorFamily,
  type DetectorInfo,
} from "./detector.ts";
export { createReplace, redactText, type RedactMode, type Replace } from "./redact-text.ts";
export { resolveSpans } from "./resolve-spans.ts";
export { SAFETY_ERROR_CODES, SafetyError, type SafetyErrorCode } from "./safety-error.ts";
export { createScanner, type Scanner, type ScanRequest, type ScanResult } from "./scanner.ts";
export type { Span } from "./span.ts";
export { createStreamRedactor, type StreamRedactor, type StreamRedactorOptions } from "./stream-redactor.ts";
