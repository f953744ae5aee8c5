export { aesSeal } from "./aes-seal.ts";
export { createAsyncIdentity, type AsyncIdentity } from "./async-identity.ts";
export { type AuditFileSystem, type SegmentFile } from "./audit-file-system.ts";
export { type LockOwner, type Processes } from "./processes.ts";
export { jsonlSink, type JsonlSink } from "./jsonl-sink.ts";
export { type JsonlSinkOptions } from "./jsonl-sink-options.ts";
export { loadPolicyFile, parsePolicyText, type PolicyFile } from "./policy-file.ts";
export { usePolicyFile, type UsePolicyFileOptions } from "./use-policy-file.ts";
export {
  verifyDirectory,
  type DirectoryReport,
  type VerifyDirectoryOptions,
  type WriterEnd,
} from "./verify-directory.ts";
export { type BadSegmentLine } from "./check-sealed-segment.ts";
export { type CheckpointProblem } from "./read-checkpoints.ts";
export { serviceSink, type ServiceSink, type ServiceSinkOptions } from "./service-sink.ts";
export { type SpoolStatus } from "./spool-delivery.ts";
export { generateAuditKeys, type AuditKeys } from "./signed-note.ts";
export { type Retention } from "./retention.ts";
export {
  watchPolicyFile,
  type PolicyWatch,
  type WatchedFile,
  type WatchOptions,
} from "./watch-policy-file.ts";
export { type MachineClock } from "./machine-clock.ts";
export { sqliteState, type SqliteState, type SqliteStateOptions } from "./sqlite-state.ts";
