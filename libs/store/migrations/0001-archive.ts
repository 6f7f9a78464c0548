/**
 * The archive's first schema. The log table holds each LOG message once; all other tables are derived from it and can
 * be built again. Everything that changes with a message changes in the same transaction as `cell`, the checkpoint.
 */
import type { Migration } from './migrate.ts'

export const archiveInitial: Migration = {
  name: 'log, its indexes, and the read model',
  sql: `
    -- One row a LOG message, as it was stored by the broker. leaf: SHA-256, see leaf.ts.
    CREATE TABLE log (
      sequence INTEGER PRIMARY KEY,
      subject  TEXT NOT NULL,
      time_ms  INTEGER NOT NULL,
      id       TEXT NOT NULL,
      bytes    BLOB NOT NULL,
      leaf     BLOB NOT NULL
    ) STRICT;

    -- Which events name a job. job is the key of its row in jobs.
    CREATE TABLE job_events (
      job      INTEGER NOT NULL,
      position INTEGER NOT NULL,
      type     TEXT NOT NULL,
      PRIMARY KEY (job, position)
    ) STRICT, WITHOUT ROWID;

    -- Which messages are orders to, or facts from, a host.
    CREATE TABLE host_messages (
      host     TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      PRIMARY KEY (host, sequence)
    ) STRICT, WITHOUT ROWID;

    -- key: position of the first event that named the job, so it orders jobs by age. state is NULL while no submission stands.
    CREATE TABLE jobs (
      key            INTEGER PRIMARY KEY,
      id             TEXT NOT NULL UNIQUE,
      state          TEXT,
      submission     INTEGER,
      reason_code    TEXT NOT NULL,
      reason_text    TEXT,
      name           TEXT NOT NULL,
      queue          TEXT NOT NULL,
      priority       INTEGER NOT NULL,
      labels         TEXT,
      command        TEXT,
      cpu_milli      INTEGER NOT NULL,
      memory_bytes   INTEGER NOT NULL,
      custom         TEXT,
      actor          TEXT,
      correlation    TEXT,
      submitted_ms   INTEGER,
      started_ms     INTEGER,
      finished_ms    INTEGER,
      due_ms         INTEGER,
      attempts       INTEGER NOT NULL,
      attempt        INTEGER,
      result_attempt INTEGER,
      refusals       INTEGER NOT NULL,
      cancel_asked   INTEGER NOT NULL,
      faults         TEXT
    ) STRICT;
    CREATE INDEX jobs_by_state ON jobs (state) WHERE state IS NOT NULL;
    CREATE INDEX jobs_by_queue ON jobs (queue) WHERE state IS NOT NULL;

    CREATE TABLE attempts (
      job          INTEGER NOT NULL,
      n            INTEGER NOT NULL,
      host         TEXT NOT NULL,
      state        TEXT NOT NULL,
      pid          INTEGER,
      assigned_ms  INTEGER NOT NULL,
      claimed_ms   INTEGER,
      started_ms   INTEGER,
      exited_ms    INTEGER,
      exit_code    INTEGER,
      signal       TEXT,
      cause        TEXT,
      usage        TEXT,
      error        TEXT,
      fence        INTEGER NOT NULL,
      epoch        INTEGER NOT NULL,
      late         INTEGER NOT NULL,
      stdout_bytes INTEGER NOT NULL,
      stderr_bytes INTEGER NOT NULL,
      stdout_tail  TEXT NOT NULL,
      stderr_tail  TEXT NOT NULL,
      PRIMARY KEY (job, n)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX attempts_live_by_host ON attempts (host)
      WHERE state IN ('assigned', 'claimed', 'running', 'stopping');

    CREATE TABLE hosts (
      id             TEXT PRIMARY KEY,
      state          TEXT NOT NULL,
      capacity       TEXT NOT NULL,
      labels         TEXT NOT NULL,
      tools          TEXT NOT NULL,
      containment    TEXT NOT NULL,
      version        TEXT NOT NULL,
      agent_pid      INTEGER NOT NULL,
      supervisor_pid INTEGER,
      joined_ms      INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- The checkpoint and what the fold carries from message to message.
    CREATE TABLE cell (
      one            INTEGER PRIMARY KEY CHECK (one = 1),
      namespace      TEXT NOT NULL,
      log_created_ms INTEGER NOT NULL,
      sequence       INTEGER NOT NULL,
      time_ms        INTEGER NOT NULL,
      now_ms         INTEGER NOT NULL,
      epoch          INTEGER,
      leader         TEXT,
      events         INTEGER NOT NULL,
      malformed      INTEGER NOT NULL,
      fenced         INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE state_counts (
      state TEXT PRIMARY KEY,
      jobs  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
}
