// Passes a program's output on and fails unless it showed every marker, in order.
// Usage: npm run quickstart | node tools/assert-markers.mjs examples/quickstart/markers.json
import { text } from "node:stream/consumers";

import { missingMarkers, readMarkers } from "./markers.mjs";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("name the JSON file that lists the markers");

const markers = readMarkers(file);
process.stdin.on("data", (chunk) => process.stdout.write(chunk));
const missing = missingMarkers(await text(process.stdin), markers);
for (const marker of missing) console.error(`marker missing or out of order: ${marker}`);
console.error(`markers: ${markers.length - missing.length} of ${markers.length} found`);
if (missing.length > 0) process.exitCode = 1;
