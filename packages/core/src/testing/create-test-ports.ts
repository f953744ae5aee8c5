import type { Ports } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createFakeIds } from "./fake-ids.ts";
import { createRecordingLogger, type RecordingLogger } from "./recording-logger.ts";

/** Ports of a test: time stands still, identifiers repeat, nothing leaves the process. */
export interface TestPorts extends Ports {
  readonly clock: FakeClock;
  readonly logger: RecordingLogger;
  /** What `{ env: NAME }` resolves to; a test may change it. */
  readonly secrets: Map<string, string>;
}

/** What a test may replace; the clock brings its own timers. */
export interface TestPortOverrides extends Partial<Omit<Ports, "clock" | "timers" | "logger" | "secret">> {
  readonly clock?: FakeClock;
  readonly logger?: RecordingLogger;
  readonly secrets?: Readonly<Record<string, string>>;
}

/**
 * Creates the ports of a test: a fake clock with its timers, deterministic identifiers, the platform's real hash and
 * asynchronous scope, a recording logger, and no network.
 * @param overrides Ports to replace, and `secrets` by name.
 * @example
 * const ports = createTestPorts({ secrets: { ALERT_KEY: "k" } });
 * const plane = createAgentPlane({ ports });
 * ports.clock.advance(1_000);
 */
export function createTestPorts(overrides: TestPortOverrides = {}): TestPorts {
  const {
    clock = createFakeClock(),
    logger = createRecordingLogger(),
    secrets: given = {},
    ...rest
  } = overrides;
  const secrets = new Map(Object.entries(given));
  const ports = {
    ...createPorts({ fetch: undefined, ids: createFakeIds(), ...rest }),
    clock,
    timers: clock,
    logger,
    secrets,
    secret: (name: string) => secrets.get(name),
  };
  // No port of a plane: enumerable, it would be refused as an unknown one.
  return Object.defineProperty(ports, "secrets", { enumerable: false });
}
