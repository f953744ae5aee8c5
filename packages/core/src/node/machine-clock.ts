import { readFileSync } from "node:fs";
import { platform, uptime } from "node:os";

/** What a machine knows about time; tests replace it. */
export interface MachineClock {
  /** Epoch ms; may jump. */
  wallMs(): number;
  /** Milliseconds since the machine started; the same in each of its processes, standing still while it sleeps. */
  elapsedMs(): number;
  /** Milliseconds since the machine started, sleep included; may be coarse. */
  uptimeMs(): number;
  /** Names this run of the machine, as far as the platform tells it; undefined where only time can tell. */
  readonly bootId: string | undefined;
}

/** The clock of the machine this process runs on. */
export function createMachineClock(): MachineClock {
  return {
    wallMs: () => Date.now(),
    elapsedMs: () => Number(process.hrtime.bigint()) / 1_000_000,
    uptimeMs: () => uptime() * 1_000,
    bootId: readBootId(),
  };
}

/** See random(4). A container has that of its host, as it has its monotonic clock. */
function readBootId(): string | undefined {
  if (platform() !== "linux") return undefined;
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Not mounted: time tells, as on other platforms.
    return undefined;
  }
}
