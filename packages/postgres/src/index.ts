export { postgresState, type ConnectionOptions, type PostgresStateOptions } from "./postgres-state.ts";
export { postgresAudit, type PostgresAudit, type PostgresAuditOptions } from "./audit/postgres-audit.ts";
export {
  auditTrail,
  type AuditTrail,
  type AuditTrailOptions,
  type WriterReport,
} from "./audit/audit-trail.ts";
export type { OwnPorts } from "./own-ports.ts";
