import { getEventListeners } from "node:events";

import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import type { RunnableConfig } from "@langchain/core/runnables";
import { tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { cuttable, runModel } from "../src/observed/cut-signal.ts";

describe("runModel", () => {
  it("adds signal and tag to the running configuration, and takes them back whatever happens", async () => {
    const own = new AbortController();
    const cut = new AbortController();
    const config: RunnableConfig = { signal: own.signal, tags: ["mine"] };
    const seen: RunnableConfig[] = [];
    const running = AsyncLocalStorageProviderSingleton.runWithConfig(config, () =>
      runModel({ signal: cut.signal, isHeldBack: true }, () => {
        seen.push({ ...config });
        throw new Error("down");
      }),
    );
    await expect(running).rejects.toThrow("down");
    expect(seen[0]?.tags).toEqual(["mine", "nostream"]);
    expect(config).toEqual({ signal: own.signal, tags: ["mine"] });
    cut.abort();
    expect(seen[0]?.signal?.aborted).toBe(true);
    expect(own.signal.aborted).toBe(false);
  });
});

describe("cuttable", () => {
  const waiting = tool((_input, config: RunnableConfig) => untilAborted(config.signal), {
    name: "slow",
    description: "Waits.",
    schema: z.object({}),
  });
  const quick = tool((_input, config: RunnableConfig) => String(config.signal?.aborted), {
    name: "quick",
    description: "Tells whether it is cut.",
    schema: z.object({}),
  });

  it("gives the tool a signal beside the run's own and leaves the tool itself alone", async () => {
    const cut = new AbortController();
    const wrapped = cuttable(quick, { signal: cut.signal });
    expect(wrapped.name).toBe("quick");
    expect(await wrapped.invoke({})).toBe("false");
    cut.abort(new Error("cut"));
    await expect(wrapped.invoke({})).rejects.toThrow("cut");
    expect(await quick.invoke({})).not.toBe("true");
  });

  it("keeps nothing of a call that has ended at the run's own signal, which fires for the call while it runs", async () => {
    const own = new AbortController();
    const cut = new AbortController();
    const seen: AbortSignal[] = [];
    const looking = tool(
      (_input, { signal }: RunnableConfig) => {
        if (signal !== undefined) seen.push(signal);
        return getEventListeners(own.signal, "abort").length;
      },
      { name: "looking", description: "Looks.", schema: z.object({}) },
    );
    const given = { signal: own.signal };
    expect(await cuttable(looking, { signal: cut.signal }).invoke({}, given)).toBe(1);
    expect(getEventListeners(own.signal, "abort")).toEqual([]);
    const running = cuttable(waiting, { signal: cut.signal }).invoke({}, given);
    own.abort(new Error("the run was aborted"));
    await expect(running).rejects.toThrow("the run was aborted");
    expect(seen).toHaveLength(1);
  });

  it("keeps nothing of a call that threw before there was anything to wait for", () => {
    const own = new AbortController();
    const throwing = {
      name: "throwing",
      invoke() {
        throw new Error("at once");
      },
    };
    const wrapped = cuttable(throwing as never as typeof quick, { signal: new AbortController().signal });
    expect(() => wrapped.invoke({}, { signal: own.signal })).toThrow("at once");
    expect(getEventListeners(own.signal, "abort")).toEqual([]);
  });

  it("understands a signal that is not the platform's", async () => {
    const listeners: (() => void)[] = [];
    const foreign = {
      aborted: false,
      reason: new Error("cut by hand"),
      addEventListener: (_type: "abort", listener: () => void) => void listeners.push(listener),
      removeEventListener: () => undefined,
    };
    const running = cuttable(waiting, { signal: foreign }).invoke({});
    for (const listener of listeners) listener();
    await expect(running).rejects.toThrow("cut by hand");
  });
});

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new Error("the tool saw the signal")));
  });
}
