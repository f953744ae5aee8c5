import { createAgentPlane, enforce, rule } from "@agentplane/core";

const plane = createAgentPlane({
  policies: [{ id: "no-deletes", blocking: [rule.denylist({ tools: ["delete_*"] })] }],
});
const deleteUser = enforce(plane.guard, (user: { id: string }) => console.log("deleted", user.id), {
  agent: "support",
  tool: "delete_user",
});
deleteUser({ id: "42" }); // throws PolicyBlocked: Tool "delete_user" must not be used here. …
