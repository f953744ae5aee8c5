// The client that the conformance kit starts, once for each scenario: it takes what the kit says to the test that started
// the kit, where the client is, and ends when that is done. Starting the whole client each time takes longer than its work.
const [, , host = "", url = ""] = process.argv;
const {
  MCP_CONFORMANCE_SCENARIO: name,
  MCP_CONFORMANCE_PROTOCOL_VERSION: version,
  MCP_CONFORMANCE_CONTEXT: context = "{}",
} = process.env;
const answer = await fetch(host, {
  method: "POST",
  body: JSON.stringify({ name, version, context: JSON.parse(context), url }),
});
console.error(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
