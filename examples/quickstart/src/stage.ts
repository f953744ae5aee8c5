import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { createAgentPlane, type AgentPlane, type ControlRecord } from "@agentplane/core";
import { jsonlSink, usePolicyFile } from "@agentplane/core/node";
import { createScanner } from "@agentplane/safety";

import { ShopDatabase } from "./shop/shop-database.ts";
import { Timeline } from "./timeline.ts";

/** Everything the steps play on: the plane, the shop, and the files of this run. */
export interface Stage {
  readonly plane: AgentPlane;
  readonly shop: ShopDatabase;
  readonly timeline: Timeline;
  /** This run's own copy of `agentplane.yaml`, watched by the plane. */
  readonly policyFile: string;
  readonly auditDirectory: string;
  /** Changes of the plane's behaviour, in order. */
  readonly controls: readonly ControlRecord[];
  /** Alerts that were sent to the log. */
  readonly alerts: readonly string[];
  /** Says that a step has seen what its marker names. */
  shown(marker: string, seen: string): void;
  /** Markers said so far. */
  readonly markers: readonly string[];
  /** A new conversation. */
  nextThread(): string;
  close(): Promise<void>;
}

/** Sets the stage in a temporary directory. */
export async function openStage(): Promise<Stage> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "agentplane-quickstart-"));
  const auditDirectory = path.join(directory, "audit");
  const policyFile = path.join(directory, "agentplane.yaml");
  fs.copyFileSync(path.join(import.meta.dirname, "../agentplane.yaml"), policyFile);
  const timeline = new Timeline();
  const alerts: string[] = [];
  const plane = createAgentPlane({
    scanner: createScanner(),
    audit: jsonlSink({ directory: auditDirectory }),
    approvals: { resolver: "external" },
    ports: { logger: loggerOf(timeline, alerts) },
  });
  const policies = await usePolicyFile(plane, policyFile, {
    onError: (error) => timeline.failed(error.message),
  });
  const controls: ControlRecord[] = [];
  follow(plane, timeline, controls);
  const shop = new ShopDatabase(directory);
  const markers: string[] = [];
  let threads = 0;
  return {
    plane,
    shop,
    timeline,
    policyFile,
    auditDirectory,
    controls,
    alerts,
    markers,
    shown(marker, seen) {
      markers.push(`shown: ${marker}`);
      timeline.shown(marker, seen);
    },
    nextThread: () => `thread-${++threads}`,
    async close() {
      await policies.close();
      await plane.close();
      shop.close();
      fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Shows every decision, outcome and change as it is recorded. */
function follow(plane: AgentPlane, timeline: Timeline, controls: ControlRecord[]): void {
  plane.on("decision", (record) => timeline.decision(record));
  plane.on("outcome", (record) => timeline.outcome(record));
  plane.on("control", (record) => {
    controls.push(record);
    timeline.control(record);
  });
}

type Log = (message: string, data?: Readonly<Record<string, unknown>>) => void;

/** Alerts of `channel: log` go to the plane's logger; the example shows them in its timeline. */
function loggerOf(timeline: Timeline, alerts: string[]): { info: Log; warn: Log; error: Log } {
  const tell: Log = (message, data) => {
    const isAlert = message.startsWith("alert:");
    if (isAlert) alerts.push(message);
    // An alert says everything in its message; its data is what a webhook would carry.
    timeline.say("alert", isAlert || data === undefined ? message : `${message} ${JSON.stringify(data)}`);
  };
  return { info: tell, warn: tell, error: tell };
}
