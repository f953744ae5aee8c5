#!/usr/bin/env node
import { AgentplaneError } from "@agentplane/core";

import { answerApprovalFile } from "./approval/approval-files.ts";
import { run } from "./command/run.ts";
import { serve } from "./command/serve.ts";
import { checkCommand, parseCommand, USAGE, UsageError, type Values } from "./command/usage.ts";
import { say } from "./command/with-plane.ts";

async function approve(
  { by, deny = false, reason }: Values,
  [directory, id]: readonly string[],
): Promise<void> {
  if (directory === undefined || id === undefined || by === undefined)
    throw new UsageError("approve DIR ID --by NAME");
  await answerApprovalFile(directory, { id, by, isApproved: !deny, ...(reason !== undefined && { reason }) });
  say(`${deny ? "denied" : "approved"} ${id}`);
}

async function main(all: readonly string[]): Promise<void> {
  const dashes = all.indexOf("--");
  const [own, command] = dashes === -1 ? [all, []] : [all.slice(0, dashes), all.slice(dashes + 1)];
  const { values, positionals } = parseCommand(own);
  const [verb, ...rest] = positionals;
  if (values.help === true) return void process.stderr.write(USAGE);
  checkCommand(verb ?? "", values);
  if (verb === "run" && rest.length === 0) return run(values, command);
  if (verb === "serve" && rest.length === 0) return serve(values, command);
  if (verb === "approve") return approve(values, rest);
  throw new UsageError(
    verb === undefined ? "say what to do" : `"${[verb, ...rest].join(" ")}" is no command`,
  );
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && "code" in error);
  if (isUsage || error instanceof AgentplaneError) say(error.message);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (isUsage) process.stderr.write(`\n${USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
}
