import { defineConfig, type UserConfig } from "tsdown";

const config: UserConfig = defineConfig({
  entry: ["src/index.ts", "src/langgraph.ts"],
  format: "esm",
  platform: "node",
  target: "node22.18",
  dts: { oxc: false, tsgo: true },
  sourcemap: true,
  clean: true,
});

export default config;
