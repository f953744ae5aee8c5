import { createScanner, type ScanChannel, type Span } from "../src/index.ts";

const scanner = createScanner();

/** The findings of one detector. */
export function scan(detector: string, text: string, channel: ScanChannel = "tool_result"): readonly Span[] {
  return scanner.scan({ text, channel, detect: [detector] }).spans;
}

/** The texts that one detector found. */
export function found(detector: string, text: string, channel: ScanChannel = "tool_result"): string[] {
  return scan(detector, text, channel).map(({ start, end }) => text.slice(start, end));
}
