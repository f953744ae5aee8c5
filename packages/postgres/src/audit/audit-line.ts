import { memorySink, type AuditRecord } from "@agentplane/core";

/** A line of a chain on its way to the table. */
export interface AuditLine {
  readonly seq: number;
  readonly text: string;
  /** When it was taken, by this process's monotonic clock in ms: the wall clock that the record names may be wrong. */
  readonly takenMs: number;
  readonly kind: AuditRecord["kind"];
  readonly tenant: string | undefined;
  readonly agent: string | undefined;
  readonly effect: string | undefined;
}

/** A chain of stored lines, as every audit trail has one. */
export interface AuditChain {
  /** @throws AgentplaneError `content_refused` when the record is not JSON; nothing is linked then */
  next(record: AuditRecord): AuditLine;
  /** The place after the last line taken; kept elsewhere, it finds a trail that was cut at its end. */
  readonly end: { readonly seq: number; readonly prev: string };
}

/** Starts a chain. */
export function createAuditChain(): AuditChain {
  // The one public way to a stored line: a sink that remembers the last.
  const chain = memorySink({ maxRecords: 1 });
  return {
    next(record) {
      const { seq } = chain.end;
      chain.append(record);
      const takenMs = performance.now();
      return { seq, text: chain.lines()[0] ?? "", takenMs, kind: record.kind, ...columnsOf(record) };
    },
    get end() {
      return chain.end;
    },
  };
}

function columnsOf(record: AuditRecord): Pick<AuditLine, "tenant" | "agent" | "effect"> {
  if (record.kind === "control") return { tenant: undefined, agent: undefined, effect: undefined };
  const { tenant, agent } = record.identity;
  const effect = record.kind === "decision" ? record.decision.effect : record.outcome;
  return { tenant: tenant && storable(tenant), agent: storable(agent), effect };
}

/** Text holds no U+0000 and no half of a pair; the line itself has them escaped. */
function storable(text: string): string {
  return text.replaceAll("\u0000", "\u2400").replaceAll(/\p{Surrogate}/gu, "\uFFFD");
}
