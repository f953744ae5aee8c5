import { asSchema, TypeValidationError, type ToolSet } from "ai";

/**
 * Checks an input that a policy or a hook has changed, as the AI SDK has checked the model's: the tool must not get what
 * its schema forbids.
 * @throws TypeValidationError naming the tool, without the input
 */
export async function validInput(name: string, tool: ToolSet[string], input: unknown): Promise<unknown> {
  // A tool of an MCP server or a dynamic one may come without a schema; then there is nothing to check.
  const schema: unknown = tool.inputSchema;
  if (schema === undefined || schema === null) return input;
  const checked = await asSchema(tool.inputSchema).validate?.(input);
  if (checked === undefined || checked.success) return checked === undefined ? input : checked.value;
  throw new TypeValidationError({
    value: undefined,
    cause: new Error(`a policy changed the input of "${name}" to one that its schema does not allow`),
    context: { field: "input", entityName: name },
  });
}
