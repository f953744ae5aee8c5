import type { JsonlSinkOptions } from "../../src/node/jsonl-sink-options.ts";
import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { controlRecord } from "../audit/records.ts";

// Run as a process of its own: writes durable records without end and tells each that was acknowledged.
const [, , directory = "", name = "", options = "{}"] = process.argv;
// What the test has written.
const sink = jsonlSink({ ...(JSON.parse(options) as Partial<JsonlSinkOptions>), directory });
for (let round = 0; ; round++) {
  const subjects = Array.from({ length: 20 }, (_, index) => `${name}${round}-${index}`);
  const acknowledged = subjects.map(async (subject) => {
    await sink.append(controlRecord(subject), "durable");
    process.stdout.write(`${subject}\n`);
  });
  // Rounds follow each other.
  // oxlint-disable-next-line no-await-in-loop
  await Promise.all(acknowledged);
}
