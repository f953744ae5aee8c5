import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { repositoryPath, type MarkdownBlock } from "./markdown-blocks.ts";

const PACKAGES = ["core", "safety", "langchain"];
const DEPENDENCIES: Readonly<Record<string, string>> = {
  "@opentelemetry/api": "packages/core/node_modules/@opentelemetry/api",
  "@opentelemetry/sdk-logs": "packages/core/node_modules/@opentelemetry/sdk-logs",
  "@types/node": "packages/core/node_modules/@types/node",
  zod: "packages/core/node_modules/zod",
  langchain: "packages/langchain/node_modules/langchain",
  "@langchain/core": "packages/langchain/node_modules/@langchain/core",
};

/**
 * Type-checks snippets as a user's own project would: strict, with the packages in `node_modules`.
 * @param blocks The snippets; each becomes a module of its own.
 * @returns What the compiler says, the snippets named by page and line; empty when all is well.
 */
export async function typeErrorsOf(blocks: readonly MarkdownBlock[]): Promise<string> {
  const project = mkdtempSync(path.join(realpathSync(tmpdir()), "agentplane-snippets-"));
  try {
    installPackages(project);
    const files = blocks.map((block) => {
      const file = `${block.page.replaceAll(/[^\w]/g, "_")}-${block.line}.ts`;
      // A snippet without imports is a module nevertheless.
      writeFileSync(path.join(project, file), `${block.code}\nexport {};\n`);
      return file;
    });
    writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(configOf(files)));
    writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }));
    return await compile(project);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function installPackages(project: string): void {
  const links = [
    ...PACKAGES.map((name) => [`@agentplane/${name}`, `packages/${name}`] as const),
    ...Object.entries(DEPENDENCIES),
  ];
  for (const [name, target] of links) {
    const link = path.join(project, "node_modules", name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(repositoryPath(target), link, "junction");
  }
}

function configOf(files: readonly string[]): object {
  return {
    extends: repositoryPath("tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      composite: false,
      declaration: false,
      declarationMap: false,
      emitDeclarationOnly: false,
      isolatedDeclarations: false,
    },
    files,
  };
}

async function compile(project: string): Promise<string> {
  const tsc = repositoryPath("node_modules/typescript/bin/tsc");
  try {
    await promisify(execFile)(process.execPath, [tsc, "-p", project, "--pretty", "false"], { cwd: project });
    return "";
  } catch (error) {
    // The compiler says what is wrong on its output and only fails by its exit code.
    if (error instanceof Error && "stdout" in error) return String(error.stdout);
    throw error;
  }
}
