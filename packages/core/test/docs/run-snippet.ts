import { transform } from "esbuild";

import * as safety from "@agentplane/safety";
import * as openTelemetry from "@opentelemetry/api";
import * as zod from "zod";

import * as core from "../../src/index.ts";
import { createCel } from "../../src/cel/index.ts";
import * as testing from "../../src/testing/index.ts";
import { createTestPorts, type TestPorts } from "../../src/testing/create-test-ports.ts";
import { blockOf } from "./markdown-blocks.ts";

/** What a snippet may find instead of what it would really reach. */
export interface SnippetWorld {
  /** Time, log and network of every plane that the snippet makes. Default: fakes. */
  readonly ports?: TestPorts;
  /** Options that every plane of the snippet gets unless it says otherwise. */
  readonly options?: core.PlaneOptions;
  /** Names that the snippet uses and does not declare. */
  readonly globals?: Readonly<Record<string, unknown>>;
}

/** What a snippet declared, by name. */
export type SnippetNames = Readonly<Record<string, unknown>>;

type AsyncFunctionMaker = new (
  ...parts: readonly string[]
) => (...given: readonly unknown[]) => Promise<SnippetNames>;

// The constructor of asynchronous functions has no name of its own, and so no type.
const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as AsyncFunctionMaker;

/**
 * Runs the snippet of a page as it stands there and hands out what it declares.
 * @param page Such as `docs/from-python.md`.
 * @param id The snippet's id.
 * @param world Ports, options and undeclared names.
 */
export async function runSnippet(page: string, id: string, world: SnippetWorld = {}): Promise<SnippetNames> {
  const { code } = blockOf(page, `snippet: ${id}`);
  return runCode(code, world);
}

/** Runs TypeScript with top-level `await` in this process. */
export async function runCode(code: string, world: SnippetWorld = {}): Promise<SnippetNames> {
  const { code: plain } = await transform(code, { loader: "ts", target: "es2023" });
  const body = plain
    .replaceAll(/^import \* as (\w+) from "([^"]+)";$/gm, 'const $1 = modules["$2"];')
    .replaceAll(
      /^import \{([^}]*)\} from "([^"]+)";$/gm,
      (_line, names: string, from: string) =>
        `const {${names.replaceAll(/ as /g, ": ")}} = modules["${from}"];`,
    );
  const declared = [...body.matchAll(/^(?:const|let|function|async function|class) (\w+)/gm)].map(
    ([, name]) => name,
  );
  const globals = Object.entries(world.globals ?? {});
  const modules = { ...modulesOf(world), ...(await nodeModule(body)) };
  const run = new AsyncFunction(
    "modules",
    ...globals.map(([name]) => name),
    `${body}\nreturn { ${declared.join(", ")} };`,
  );
  return run(modules, ...globals.map(([, value]) => value));
}

function modulesOf({ ports = createTestPorts(), options }: SnippetWorld): Readonly<Record<string, unknown>> {
  const createAgentPlane: typeof core.createAgentPlane = (given) =>
    core.createAgentPlane({ ports, ...options, ...given });
  return {
    "@agentplane/core": { ...core, createAgentPlane },
    "@agentplane/core/cel": { createCel },
    "@agentplane/core/testing": testing,
    "@agentplane/safety": safety,
    "@opentelemetry/api": openTelemetry,
    zod,
  };
}

/** Loaded only for snippets that use it: it needs YAML and the file system. */
async function nodeModule(code: string): Promise<Readonly<Record<string, unknown>>> {
  const name = "@agentplane/core/node";
  return code.includes(`"${name}"`) ? { [name]: await import("../../src/node/index.ts") } : {};
}
