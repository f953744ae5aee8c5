import { createAgentPlane, lintPlane } from "@agentplane/core";
import { jsonlSink, sqliteState, usePolicyFile } from "@agentplane/core/node";
import { createScanner } from "@agentplane/safety";

import { keepApprovalFiles } from "../approval/approval-files.ts";
import type { ProxyOptions } from "../connection/proxy-options.ts";
import { otelTracer, type OtelTraceApi } from "../trace/otel-tracer.ts";
import { UsageError, type Values } from "./usage.ts";

/** Standard output may carry the protocol alone: whatever is said, is said here. */
export function say(line: string): void {
  process.stderr.write(`agentplane-mcp: ${line}\n`);
}

/**
 * Makes a plane from a policy file, and lets a proxy use it until the process is told to stop.
 * @param serverName Where none was given.
 * @throws UsageError for options that do not say enough
 */
export async function withPlane(
  values: Values,
  serverName: string,
  act: (options: ProxyOptions, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (values.policy === undefined)
    throw new UsageError("--policy FILE is missing: a proxy without policies would allow everything");
  const waitMs = Number(values["approval-wait"] ?? 300_000);
  if (!Number.isInteger(waitMs) || waitMs < 0)
    throw new UsageError("--approval-wait is a number of milliseconds");
  const denyAs = values["deny-as"] ?? "result";
  if (denyAs !== "result" && denyAs !== "error") throw new UsageError('--deny-as is "result" or "error"');
  const tracer = values.otel === true ? otelTracer(await openTelemetry()) : undefined;
  const plane = createAgentPlane({
    scanner: createScanner(),
    approvals: { resolver: "external" },
    ...(values.state !== undefined && { state: sqliteState({ path: values.state }) }),
    ...(values.audit !== undefined && { audit: jsonlSink({ directory: values.audit }) }),
  });
  await plane.ready();
  const policies = await usePolicyFile(plane, values.policy, { onError: ({ message }) => say(message) });
  for (const { message } of lintPlane(plane)) say(message);
  const endFiles =
    values.approvals === undefined
      ? undefined
      : await keepApprovalFiles(plane, values.approvals, { isShared: values.state !== undefined });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  try {
    const { agent = "mcp-client", tenant, user, approvals } = values;
    await act(
      {
        plane,
        identity: { agent, ...(tenant !== undefined && { tenant }), ...(user !== undefined && { user }) },
        server: values.server ?? serverName,
        denyAs,
        approvalWaitMs: waitMs,
        canClientApprove: approvals === undefined,
        ...(tracer !== undefined && { tracer }),
        log: say,
      },
      stop.signal,
    );
  } finally {
    await policies.close();
    await endFiles?.();
    await plane.close();
  }
}

async function openTelemetry(): Promise<OtelTraceApi> {
  try {
    return await import("@opentelemetry/api");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new UsageError("--otel needs @opentelemetry/api: install it beside @agentplane/mcp-proxy");
  }
}
