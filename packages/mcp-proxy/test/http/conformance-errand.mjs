// The client that the conformance kit starts, once for each scenario: it takes what the kit says to the test that started
// the kit, where the client is, and ends when that is done. Starting the whole client each time takes longer than its work.
import http from "node:http";

const [, , host = "", url = ""] = process.argv;
const {
  MCP_CONFORMANCE_SCENARIO: name,
  MCP_CONFORMANCE_PROTOCOL_VERSION: version,
  MCP_CONFORMANCE_CONTEXT: context = "{}",
} = process.env;
const errand = http.request(host, { method: "POST" }, (answer) => {
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
  answer.pipe(process.stderr);
});
errand.end(JSON.stringify({ name, version, context: JSON.parse(context), url }));
