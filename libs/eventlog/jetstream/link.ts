/**
 * The one connection of a broker to the server, and its status as plain callbacks: everything that must act on a lost
 * or regained connection listens here. Must never interpret subjects or streams.
 */
import { errors, type NatsConnection } from '@nats-io/transport-node'
import type { BrokerStatus } from '../port.ts'

export type LinkListener = {
  onDisconnected?(): void
  onReconnected?(): void
  /** The connection is gone for good: asked for, or refused by the server (authentication). */
  onClosed?(): void
  /** The server refused a publish or a subscription by its permission list. */
  onDenied?(operation: 'publish' | 'subscription', subject: string): void
}

export type Link = {
  readonly nc: NatsConnection
  status(): BrokerStatus
  /** Calls back on each change; returns the function that stops it. */
  listen(listener: LinkListener): () => void
  onStatus(listener: (status: BrokerStatus) => void): void
  /** The version of the server connected to at present (after a reconnect it may be another one). */
  serverVersion(): string
}

/** Watches a connection. Its listeners are called synchronously, in the order in which they came. */
export const newLink = (nc: NatsConnection): Link => {
  let status: BrokerStatus = 'connected'
  let version = nc.info?.version ?? ''
  const listeners = new Set<LinkListener>()
  const statusListeners: ((status: BrokerStatus) => void)[] = []

  const become = (next: BrokerStatus, call: (listener: LinkListener) => void) => {
    if (status === 'closed' || status === next) return
    status = next
    version = nc.info?.version ?? version
    for (const listener of [...listeners]) call(listener)
    for (const listener of statusListeners) listener(next)
  }
  const watch = async () => {
    for await (const event of nc.status()) {
      if (event.type === 'disconnect') become('disconnected', (l) => l.onDisconnected?.())
      else if (event.type === 'reconnect') become('connected', (l) => l.onReconnected?.())
      else if (event.type === 'error' && event.error instanceof errors.PermissionViolationError) {
        const { operation, subject } = event.error
        for (const listener of [...listeners]) listener.onDenied?.(operation, subject)
      }
    }
  }
  void watch()
  void nc.closed().then(() => become('closed', (l) => l.onClosed?.()))

  return {
    nc,
    status: () => status,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onStatus: (listener) => void statusListeners.push(listener),
    serverVersion: () => version,
  }
}
