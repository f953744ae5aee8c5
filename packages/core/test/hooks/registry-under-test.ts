import { createContext, type ContextInit } from "../../src/context/create-context.ts";
import type { PolicyContext } from "../../src/context/context.ts";
import type { HookRunRecord } from "../../src/hooks/hook.ts";
import { HookBlocked } from "../../src/hooks/hook-blocked.ts";
import { HookRegistry, type HookRegistryOptions } from "../../src/hooks/hook-registry.ts";
import { createTestPorts, type TestPorts } from "../../src/testing/create-test-ports.ts";

/** A registry on fake ports, with every run it reported. */
export function registryUnderTest(options: HookRegistryOptions = {}): {
  hooks: HookRegistry;
  runs: readonly HookRunRecord[];
  ports: TestPorts;
} {
  const runs: HookRunRecord[] = [];
  const ports = createTestPorts();
  const hooks = new HookRegistry({
    onRun: (run) => runs.push(run),
    ...options,
    ports: { ...ports, ...options.ports },
  });
  return { hooks, runs, ports };
}

/** A tool call of the agent `support` for the tenant `acme`, about to happen. */
export function toolCall(init: Partial<ContextInit> = {}): PolicyContext {
  return createContext(
    {
      hookpoint: "before_tool_call",
      agent: "support",
      tenant: "acme",
      user: "ada",
      session: "s1",
      callId: "c1",
      tool: { name: "refund", input: { amount: 10 } },
      tags: { env: "prod" },
      ...init,
    },
    1_000,
  );
}

/** The same call after it happened. */
export function toolResult(result: unknown = { ok: true }): PolicyContext {
  return toolCall({ hookpoint: "after_tool_call", result, isError: false, usage: { inputTokens: 1 } });
}

/** What a run throws or rejects with, as a HookBlocked. */
export async function blockOf(run: () => unknown): Promise<HookBlocked> {
  try {
    await run();
  } catch (error) {
    if (error instanceof HookBlocked) return error;
    throw error;
  }
  throw new Error("the call was not blocked");
}
