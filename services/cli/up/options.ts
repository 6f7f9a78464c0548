/** What `up` is asked for, and what it says when everything runs. */
export type Durability = 'synced' | 'fast'

export type UpOptions = {
  dataDir: string
  agents: number
  /** Of the gateway; 0: any free one. */
  port: number
  /** Of nats-server; 0: any free one, kept while `up` runs. */
  natsPort: number
  durability: Durability
  /** Progress and warnings for people: one line each. */
  say: (text: string) => void
}

/** The readiness line (CONTRACT). `supervisor` is null for an agent whose supervisor is not up yet. */
export type Ready = {
  ready: true
  url: string
  nats: string
  dashboard: string | null
  pids: {
    nats: number
    scheduler: number
    archive: number
    gateway: number
    agents: Record<string, { agent: number; supervisor: number | null }>
  }
}

export type Running = {
  readonly ready: Ready
  /** Stops everything in order. Idempotent. */
  stop(): Promise<void>
}
