import { isDeepStrictEqual } from "node:util";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { CombineAlgorithm } from "../../src/decision/combine.ts";
import type { Decision } from "../../src/decision/decision.ts";
import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { askOracle, type OracleAnswer } from "./oracle.ts";
import { contexts, policySets } from "./policy-arbitrary.ts";

/** Sets of policies per chunk; each meets 40 contexts, previewed and admitted. */
const RUNS = Number(process.env["FC_RUNS"] ?? 330);
const CONTEXTS = 40;
const CHUNKS = [1, 2, 3, 4];
let compared = 0;

const silent = { ...createRecordingLogger(), error() {}, warn() {} };
const noSink = { append() {}, flush() {}, close() {} };

function planeOf(combine: CombineAlgorithm): AgentPlane {
  return createAgentPlane({ combine, audit: noSink, ports: { ...createTestPorts(), logger: silent } });
}

describe.each(["mostRestrictive", "priority"] as const)(
  "the compiled engine equals the naive oracle: %s",
  (combine) => {
    test.each(CHUNKS)(
      "chunk %i",
      (chunk) => {
        const plane = planeOf(combine);
        fc.assert(
          fc.property(
            policySets,
            fc.constantFrom("allow" as const, "block" as const),
            fc.array(contexts, { minLength: CONTEXTS, maxLength: CONTEXTS }),
            (policies, defaultEffect, asked) => {
              plane.engine.replaceAll("code", { apiVersion: "agentplane/v1", policies, defaultEffect });
              for (const context of asked) {
                for (const intent of ["peek", "admit"] as const) {
                  const expected = askOracle({ policies, context, combine, defaultEffect, intent });
                  const answer = answerOf(decide(plane, context, intent));
                  compared++;
                  // `expect` alone, 200,000 times, takes a fifth of the time of it all.
                  if (isDeepStrictEqual(answer, expected)) continue;
                  expect({ intent, context, ...answer }).toStrictEqual({ intent, context, ...expected });
                }
              }
            },
          ),
          { numRuns: RUNS, endOnFailure: true, seed: 1_000 * chunk + (combine === "priority" ? 1 : 0) },
        );
      },
      60_000,
    );
  },
);

test("at least 200,000 answers were compared", () => {
  const expected = process.env["FC_RUNS"] === undefined ? 200_000 : 1;
  expect(compared).toBeGreaterThanOrEqual(expected);
});

function decide(
  plane: AgentPlane,
  context: Parameters<AgentPlane["engine"]["decide"]>[0],
  intent: "peek" | "admit",
): Decision {
  const decision = plane.engine.decide(context, { intent });
  if (decision instanceof Promise) throw new Error("a decision in memory must not wait");
  // An admission that is not ended would be kept for ever.
  if (intent === "admit") void plane.engine.finish(decision.id, { status: "released" });
  return decision;
}

function texts(found: Decision["findings"]): string[] {
  return found.map((one) => `${one.policyId}/${one.ruleId}:${one.answer}`);
}

function answerOf(decision: Decision): OracleAnswer {
  const { effect, verdict, policyId, ruleId, findings, shadow } = decision;
  if (verdict === "degrade") throw new Error("no mode was set");
  return { effect, verdict, policyId, ruleId, findings: texts(findings), shadow: texts(shadow) };
}
