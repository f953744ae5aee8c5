import type { Reporter, TestModule } from "vitest/node";

/** Opens a run with the Node.js version it runs on and ends it with the line `N passed, N failed, N skipped`, which CI reads. */
export default class TallyReporter implements Reporter {
  onInit(): void {
    console.log(`tests run on node ${process.version}`);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tally = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) tally[test.result().state] += 1;
      if (module.state() === "failed" && module.errors().length > 0) tally.failed += 1;
    }
    process.on("exit", () => {
      console.log(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
    });
  }
}
