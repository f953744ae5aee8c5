import assert from "node:assert/strict";

import { runAgent } from "../agent-run.ts";
import { decisionsOn, type Step } from "./step.ts";

const SQL = "SELECT name, city, email, ssn FROM customers ORDER BY id LIMIT 3";

/** The query runs on the real rows; what the model gets has neither addresses nor social security numbers. */
export const redactedResult: Step = {
  title: "A query whose result comes back redacted",
  async play(stage) {
    const raw = JSON.stringify(stage.shop.query(SQL));
    const run = await runAgent(stage, {
      agent: "support-agent",
      prompt: `Run exactly this query: ${SQL}. Then read the file internal-note.md and say whom it names.`,
      script: [
        { call: "sql_query", args: { sql: SQL } },
        { call: "read_file", args: { name: "internal-note.md" } },
        {
          say: "Three customers; the note names Mira Halloran and Aldous Finch. Their addresses are hidden from me.",
        },
      ],
    });
    assert.equal(decisionsOn(run, "sql_query")[0]?.effect, "allow");
    assert.equal(decisionsOn(run, "read_file")[0]?.effect, "allow");
    const [rows, note] = run.toolResults.map(({ text }) => text);
    assert.match(raw, /@example\.|@mail\.|@post\./, "the shop's rows hold addresses");
    assertHidden(stage.shop.personalData(), rows ?? raw);
    assert.match(rows ?? "", /Bela/, "what is no personal data is still there");
    assert.doesNotMatch(note ?? "412-55-7312", /412-55-7312|halloran@|oncall@/);
    assert.match(note ?? "", /Aldous Finch disputes order 12/);
    const duties = run.outcomes.flatMap(({ after }) => after?.obligations ?? []);
    assert.ok(
      duties.some(({ kind }) => kind === "redact"),
      "the outcome's record names the redaction",
    );
    stage.shown("redacted-result", rows ?? "");
  },
};

function assertHidden(secrets: readonly string[], text: string): void {
  const leaked = secrets.filter((secret) => text.includes(secret));
  assert.deepEqual(leaked, [], "personal data reached the model");
}
