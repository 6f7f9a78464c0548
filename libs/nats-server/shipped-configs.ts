/**
 * The configurations checked in under infra/nats, made by the same renderer that `millrace up` uses.
 * Must never differ from the files: a test compares them (`npx vitest run libs/nats-server -u` writes them anew).
 */
import { renderNatsServerConfig } from './config.ts'

const gibibyte = 1024 ** 3
const mebibyte = 1024 ** 2

/** File name under infra/nats, and its text. */
export const shippedConfigs: Readonly<Record<'dev.conf' | 'single.conf', string>> = {
  'dev.conf': [
    "# A developer's throw-away server: nats-server -c infra/nats/dev.conf, run in the checkout.",
    '# Made by libs/nats-server/shipped-configs.ts; change it there.',
    renderNatsServerConfig({
      serverName: 'millrace-dev',
      port: 4222,
      monitorPort: 8222,
      storeDir: '.millrace/nats',
      durability: 'fast',
      maxFileStoreBytes: 4 * gibibyte,
      maxMemoryStoreBytes: 256 * mebibyte,
    }),
  ].join('\n'),
  'single.conf': [
    '# One server on one host, every acknowledged message on disk. Millrace resumes when it is back; it is not highly available.',
    '# It listens on the loopback only: before it listens elsewhere, give it accounts and TLS.',
    '# max_file_store has to stay below the free disk of store_dir, and must never shrink: nats-server 2.10 does not load',
    '# streams whose reserved bytes no longer fit.',
    '# Made by libs/nats-server/shipped-configs.ts; change it there.',
    renderNatsServerConfig({
      serverName: 'millrace-single',
      port: 4222,
      monitorPort: 8222,
      storeDir: '/var/lib/millrace/nats',
      durability: 'synced',
      maxFileStoreBytes: 64 * gibibyte,
      maxMemoryStoreBytes: 512 * mebibyte,
    }),
  ].join('\n'),
}
