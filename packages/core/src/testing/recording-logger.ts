import type { Logger } from "../base/ports.ts";

/** One line of a log. */
export interface LogEntry {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A logger that keeps what it is told. */
export interface RecordingLogger extends Logger {
  /** Oldest first. */
  readonly entries: readonly LogEntry[];
  /** The messages of one level, oldest first. */
  messages(level: LogEntry["level"]): readonly string[];
  clear(): void;
}

/** Creates a logger whose lines a test can read. */
export function createRecordingLogger(): RecordingLogger {
  const entries: LogEntry[] = [];
  const at =
    (level: LogEntry["level"]): Logger["info"] =>
    (message, data) => {
      entries.push({ level, message, ...(data !== undefined && { data }) });
    };
  return {
    entries,
    messages: (level) => entries.filter((entry) => entry.level === level).map(({ message }) => message),
    clear() {
      entries.length = 0;
    },
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}
