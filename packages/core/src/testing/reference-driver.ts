import { CAPABILITIES, type AdapterDriver, type AgentRun, type RunRequest } from "./adapter-driver.ts";
import { ReferenceAgent } from "./reference/reference-agent.ts";
import { CORRECT_SEAMS, type ReferenceSeams } from "./reference/seams.ts";
import { createTrace, type Trace } from "./reference/trace.ts";

/**
 * Creates the driver of a minimal adapter, written on Guard alone around a plain agent loop: it meets every requirement
 * and shows how little an adapter has to do.
 * @param mistakes Seams to replace, as the mutants do. Default: none.
 */
export function createReferenceDriver(mistakes: Partial<ReferenceSeams> = {}): AdapterDriver {
  const seams: ReferenceSeams = { ...CORRECT_SEAMS, ...mistakes };
  const started = new WeakMap<AgentRun, Started>();
  const goOn = async (run: Started, isResumed: boolean): Promise<AgentRun> => {
    const seen = await play(run, isResumed);
    started.set(seen, run);
    return seen;
  };
  return {
    capabilities: CAPABILITIES,
    run(request: RunRequest) {
      const trace = createTrace();
      const agent = new ReferenceAgent(request.script, { request, seams, trace, isNested: false });
      return goOn({ agent, trace }, false);
    },
    async resume(run) {
      const paused = started.get(run);
      return paused === undefined || run.status !== "pending" ? run : goOn(paused, true);
    },
  };
}

interface Started {
  readonly agent: ReferenceAgent;
  readonly trace: Trace;
}

async function play({ agent, trace }: Started, isResumed: boolean): Promise<AgentRun> {
  const seen = (rest: Pick<AgentRun, "status" | "pending" | "error">): AgentRun => ({
    ...rest,
    modelCalls: [...trace.modelCalls],
    results: [...trace.results],
    pieces: [...trace.pieces],
    text: agent.text,
    observed: [agent.saved()],
  });
  try {
    const pending = await agent.advance(isResumed);
    return seen({ status: pending.length > 0 ? "pending" : "done", pending });
  } catch (error) {
    return seen({ status: "failed", pending: [], error });
  }
}
