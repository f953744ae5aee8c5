import { assertNever } from "../base/assert-never.ts";
import type { LimitSpec } from "../policy/limit.ts";
import { BucketWindow } from "./bucket-window.ts";
import { CalendarWindow, LifetimeWindow } from "./period-window.ts";
import { CallLog, MAX_LOGGED_CALLS } from "./call-log.ts";
import type { SavedWindow, UsageWindow } from "./usage-window.ts";

/**
 * Opens the window a limit counts in: an exact log for up to 1,000 calls, 60+1 buckets for more and for weighted
 * amounts. Neither ever lets more than the limit into any stretch of the window's length.
 */
export function createWindow({ window, measure, limit }: LimitSpec): UsageWindow {
  switch (window.kind) {
    case "sliding":
      return measure === "calls" && limit <= MAX_LOGGED_CALLS
        ? new CallLog(window.windowMs)
        : new BucketWindow(window.windowMs);
    case "calendar":
      return new CalendarWindow(window.unit, window.timeZone);
    case "lifetime":
      return new LifetimeWindow();
    default:
      return assertNever(window, "window");
  }
}

/** Goes on counting with a window that was saved. */
export function restoreWindow(saved: SavedWindow): UsageWindow {
  switch (saved.kind) {
    case "log":
      return CallLog.restore(saved);
    case "buckets":
      return BucketWindow.restore(saved);
    case "calendar":
      return CalendarWindow.restore(saved);
    case "lifetime":
      return LifetimeWindow.restore(saved);
    default:
      return assertNever(saved, "saved window");
  }
}

/**
 * The window that counts on with so much more: a log that would overflow (a raised limit, a soft one that is overrun)
 * becomes buckets.
 */
export function withRoomFor(window: UsageWindow, amount: number, nowMs: number): UsageWindow {
  return window instanceof CallLog && !window.hasRoom(amount, nowMs) ? bucketsOf(window, nowMs) : window;
}

function bucketsOf(log: CallLog, nowMs: number): BucketWindow {
  const buckets = new BucketWindow(log.windowMs);
  for (const atMs of log.times(nowMs)) buckets.add(1, atMs, nowMs);
  return buckets;
}
