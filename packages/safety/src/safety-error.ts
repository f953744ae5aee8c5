/** Every stable error code of this package: programs may branch on them. */
export const SAFETY_ERROR_CODES = [
  "detector_unknown",
  "detector_duplicate",
  "option_invalid",
  "stream_closed",
  "scan_truncated",
] as const;

/** A stable, machine-readable reason of a {@link SafetyError}. */
export type SafetyErrorCode = (typeof SAFETY_ERROR_CODES)[number];

/**
 * The one error this package throws: misuse of the library, never a finding.
 * The message never contains any of the scanned text.
 */
export class SafetyError extends Error {
  readonly code: SafetyErrorCode;

  /**
   * @param code The stable reason.
   * @param message What, where, and what to do instead.
   */
  constructor(code: SafetyErrorCode, message: string) {
    super(message);
    this.name = "SafetyError";
    this.code = code;
  }
}
