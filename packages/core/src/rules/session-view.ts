/** One step in a session's history, in order of admission. */
export interface SessionEntry {
  readonly at: number;
  readonly hookpoint: string;
  readonly agent: string;
  /** Tool, model or target name. */
  readonly name?: string;
  /** Of a tool that has them: what it is called on its server, whatever its name here. */
  readonly server?: string;
  readonly originalName?: string;
  readonly access?: "read" | "write" | "exec";
  readonly isExternal?: boolean;
  readonly effect: "allow" | "ask" | "block";
  /** Digest of the input, for repeats. */
  readonly inputDigest: string;
  /** The call is admitted and has not ended. */
  readonly isInFlight: boolean;
  readonly isError?: boolean;
  readonly decisionId: string;
  readonly callKey?: string;
  readonly durationMs?: number;
}

/** A frozen snapshot of a session's history; calls in flight are included. */
export interface SessionView {
  readonly entries: readonly SessionEntry[];
  /** Counters over the whole session, also beyond the bounded entries. */
  readonly counts: {
    readonly calls: number;
    readonly blocked: number;
    readonly errors: number;
    readonly modelCalls: number;
    /** Model calls by agent; of a session that an earlier version began, those since then. */
    readonly turns?: Readonly<Record<string, number>>;
  };
  readonly startedAtMs: number;
}
