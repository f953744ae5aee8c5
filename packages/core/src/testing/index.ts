export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createFakeIds } from "./fake-ids.ts";
export { createFakeScanner, type FakeDetector } from "./fake-scanner.ts";
export { createFakeTimers, type FakeTimers } from "./fake-timers.ts";
export { createRecordingLogger, type LogEntry, type RecordingLogger } from "./recording-logger.ts";
export { createTestPorts, type TestPortOverrides, type TestPorts } from "./create-test-ports.ts";
export { stateStoreContract, type StateStoreContractOptions } from "./state-store-contract.ts";
export type { ContractCase, StoreUnderTest } from "./contract-case.ts";
export {
  CAPABILITIES,
  type AdapterDriver,
  type AgentRun,
  type ApprovalAnswer,
  type Capability,
  type PendingCall,
  type RunRequest,
  type SeenModelCall,
  type SeenResult,
} from "./adapter-driver.ts";
export type { ScriptAgent, ScriptCall, ScriptTool, ScriptTurn, ScriptWork } from "./agent-script.ts";
export { conformanceSuite, type ConformanceCase, type ConformanceOptions } from "./conformance.ts";
export { MUTANTS } from "./mutants.ts";
export { NOT_APPLICABLE } from "./not-applicable.ts";
export { createReferenceDriver } from "./reference-driver.ts";
export type { Mutant } from "./reference/mutant.ts";
export type { ReferenceSeams } from "./reference/seams.ts";
export {
  FEATURES,
  REQUIREMENTS,
  WAYS,
  type Crossing,
  type Requirement,
  type RequirementId,
} from "./requirements.ts";
