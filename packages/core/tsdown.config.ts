import { defineConfig, type UserConfig } from "tsdown";

const config: UserConfig = defineConfig({
  entry: [
    "src/index.ts",
    "src/node/index.ts",
    "src/node/policy-text-worker.ts",
    "src/node/part-worker.ts",
    "src/store/index.ts",
    "src/cel/index.ts",
    "src/testing/index.ts",
  ],
  format: "esm",
  platform: "node",
  target: "node22.18",
  // tsconfig.json only names projects; the declarations of all entries come from one.
  tsconfig: "tsconfig.build.json",
  // The typed rule registry needs inference across files, which isolated declarations cannot do.
  dts: { oxc: false, tsgo: true },
  sourcemap: true,
  clean: true,
});

export default config;
