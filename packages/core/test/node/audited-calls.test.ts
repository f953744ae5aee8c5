import { expect, onTestFinished, test } from "vitest";

import { enforce } from "../../src/enforce/wrap.ts";
import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { memoryFiles, systemError } from "./memory-files.ts";

// Governed calls over an audit trail in files whose disk fails.

const TOOLS = {
  pay: { access: "write" },
  mail: { access: "read", external: true },
  run: { access: "exec" },
  look: { access: "read", external: false },
} as const;

function createBench(options: Partial<JsonlSinkOptions> = {}) {
  const files = memoryFiles();
  const ports = createTestPorts();
  const audit = jsonlSink({ directory: "audit", files, ports, ...options });
  const plane = createAgentPlane({ audit, tools: TOOLS, defaultEffect: "allow", ports });
  onTestFinished(() => plane.close().catch(() => undefined));
  const ran: string[] = [];
  const call = (name: keyof typeof TOOLS | "undeclared"): Promise<string> => {
    const tool = async (): Promise<string> => {
      ran.push(name);
      return "done";
    };
    Object.defineProperty(tool, "name", { value: name });
    return enforce(plane.guard, tool, { agent: "clerk" })();
  };
  return { files, call, ran };
}

test.each(["pay", "mail", "run"] as const)(
  "%s does not run while its record cannot be synced, and runs when it can",
  async (tool) => {
    const { files, call, ran } = createBench();
    files.failures.sync = systemError("EIO");
    await expect(call(tool)).rejects.toMatchObject({ code: "policy_blocked" });
    expect(ran).toStrictEqual([]);
    delete files.failures.sync;
    await expect(call(tool)).resolves.toBe("done");
    expect(ran).toStrictEqual([tool]);
  },
);

test.each(["look", "undeclared"] as const)(
  "%s waits for no disk until the memory for its records is full, and runs no more then",
  async (tool) => {
    const { files, call, ran } = createBench({ maxBufferedChars: 3_000 });
    files.failures.append = systemError("ENOSPC");
    await expect(call(tool)).resolves.toBe("done");
    const calls = await Promise.allSettled(Array.from({ length: 10 }, () => call(tool)));
    expect(calls.at(-1)).toMatchObject({ status: "rejected", reason: { code: "policy_blocked" } });
    const before = ran.length;
    await expect(call(tool)).rejects.toMatchObject({ code: "policy_blocked" });
    expect(ran).toHaveLength(before);
  },
);
