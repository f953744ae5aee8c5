import { suggest } from "../base/did-you-mean.ts";
import { SCAN_CONTEXT_CHARS, type DetectorInfo, type Scanner } from "../base/scanner.ts";
import type { CompiledRule, CompileTools } from "./rule.ts";

/** How a scanner comes in, for load errors. */
export const HOW_TO_SCAN = "pass createAgentPlane({ scanner: createScanner() }) from @agentplane/safety";

/**
 * The scanner of the plane.
 * @throws ConfigError through `tools.fail` when none was given.
 */
export function requireScanner(tools: CompileTools): Scanner {
  return tools.scanner ?? tools.fail("", "needs a scanner, and none was given", HOW_TO_SCAN);
}

/**
 * Finds detectors by name, or by the name of their family for all of it.
 * @param names As written in `detect`, such as `email` or `pii`.
 * @param tools Where a name that no detector has is reported.
 * @throws ConfigError through `tools.fail`
 */
export function requireDetectors(names: readonly string[], tools: CompileTools): readonly DetectorInfo[] {
  const { detectors } = requireScanner(tools);
  const found = new Map<string, DetectorInfo>();
  for (const [position, name] of names.entries()) {
    const exact = detectors.filter((detector) => detector.name === name);
    const meant = exact.length > 0 ? exact : detectors.filter(({ family }) => family === name);
    if (meant.length === 0) {
      const known = new Set(detectors.flatMap((detector) => [detector.name, detector.family]));
      tools.fail(
        `detect[${position}]`,
        `"${name}" is not a detector of this scanner`,
        suggest(name, [...known]),
      );
    }
    for (const detector of meant) found.set(detector.name, detector);
  }
  return [...found.values()];
}

/**
 * All detectors of a family.
 * @throws ConfigError through `tools.fail` when the scanner has none.
 */
export function requireFamily(family: DetectorInfo["family"], tools: CompileTools): readonly DetectorInfo[] {
  const detectors = requireScanner(tools).detectors.filter((detector) => detector.family === family);
  if (detectors.length > 0) return detectors;
  return tools.fail(
    "",
    `needs a detector of the family "${family}", and the scanner has none`,
    "give createScanner({ detectors }) one of that family, or leave the rule out",
  );
}

/** What a stream must hold back for these detectors; one that judges a text as a whole waits for its end. */
export function spanOf(detectors: readonly DetectorInfo[]): NonNullable<CompiledRule["span"]> {
  const longest = Math.max(
    0,
    ...detectors.map(({ maxSpanChars, holdBackChars }) => holdBackChars ?? maxSpanChars),
  );
  // A detector reads a little of what follows before it is sure.
  const chars = longest + SCAN_CONTEXT_CHARS;
  return chars >= Number.MAX_SAFE_INTEGER ? "whole" : { incremental: chars };
}
