import type { Logger } from "@agentplane/core";

/** Says nothing: outages are what these tests make. */
export const silentLogger: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
