import { jsonlSink } from "../../src/node/jsonl-sink.ts";
import { controlRecord } from "../audit/records.ts";

// Run as a process of its own: leaves two records to wait for company, longer than it lives, and ends.
const [, , directory = ""] = process.argv;
const sink = jsonlSink({ directory, bufferMs: 60_000 });
for (const subject of ["a", "b"]) void sink.append(controlRecord(subject), "buffered");
