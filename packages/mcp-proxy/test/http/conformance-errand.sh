# The client that the conformance kit starts, once for each scenario: it takes what the kit says to the test that started the
# kit, where the client is, and ends when that is done. The kit starts all at once: programs that take long to start would
# take most of the time.
set -eu
folder=$1 url=$2
mkfifo "$folder/$$.status"
printf '%s\n' "$MCP_CONFORMANCE_SCENARIO" "$MCP_CONFORMANCE_PROTOCOL_VERSION" "$url" \
  "${MCP_CONFORMANCE_CONTEXT:-"{}"}" >"$folder/$$.asked"
echo $$ >"$folder/errands"
read -r status <"$folder/$$.status"
cat "$folder/$$.words" >&2
exit "$status"
