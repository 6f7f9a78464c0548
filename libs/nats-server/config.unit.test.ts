/** The rendered configuration, and the checked-in files made from it. */
import { describe, expect, test } from 'vitest'
import { renderNatsServerConfig } from './config.ts'
import { shippedConfigs } from './shipped-configs.ts'
import { sizeStore } from './store-limits.ts'

const basis = { serverName: 'one', port: 4222, storeDir: '/data', maxFileStoreBytes: 1024, maxMemoryStoreBytes: 512 }

describe('a configuration', () => {
  test('syncs always when synced, and says nothing of it when fast', () => {
    expect(renderNatsServerConfig({ ...basis, durability: 'synced' })).toMatch(/^ {2}sync_interval: always$/m)
    expect(renderNatsServerConfig({ ...basis, durability: 'fast' })).not.toContain('sync_interval')
  })

  test('listens on the loopback unless told otherwise', () => {
    expect(renderNatsServerConfig({ ...basis, durability: 'fast' })).toContain('listen: "127.0.0.1:4222"')
    expect(renderNatsServerConfig({ ...basis, host: '10.0.0.7', durability: 'fast' })).toContain('"10.0.0.7:4222"')
  })

  test('quotes paths, and refuses what nats-server has no escape for', () => {
    const text = renderNatsServerConfig({ ...basis, storeDir: '/a "b"\\c', durability: 'fast' })
    expect(text).toContain('store_dir: "/a \\"b\\"\\\\c"')
    expect(() => renderNatsServerConfig({ ...basis, storeDir: '/a\0b', durability: 'fast' })).toThrow(RangeError)
  })

  test('ends with the extra lines', () => {
    const text = renderNatsServerConfig({ ...basis, durability: 'fast', extra: 'max_subscriptions: 7\n' })
    expect(text.endsWith('}\n\nmax_subscriptions: 7\n')).toBe(true)
  })
})

describe('the size of a store', () => {
  const gibibyte = 1024 ** 3

  test('stays below the free disk, and within bounds in memory', () => {
    const small = sizeStore({ freeDiskBytes: gibibyte, totalMemoryBytes: gibibyte / 2 })
    expect(small.maxFileStoreBytes).toBeLessThan(gibibyte)
    expect(small.maxFileStoreBytes).toBeGreaterThan(gibibyte / 2)
    expect(small.maxMemoryStoreBytes).toBe(64 * 1024 ** 2)
    expect(sizeStore({ freeDiskBytes: gibibyte, totalMemoryBytes: 500 * gibibyte }).maxMemoryStoreBytes).toBe(gibibyte)
  })

  test('never shrinks, because nats-server 2.10 would leave streams out', () => {
    const before = sizeStore({ freeDiskBytes: 100 * gibibyte, totalMemoryBytes: 8 * gibibyte })
    expect(sizeStore({ freeDiskBytes: gibibyte, totalMemoryBytes: gibibyte }, before)).toEqual(before)
  })
})

// Stale files fail here; `npx vitest run libs/nats-server -u` writes them anew.
test.each(Object.entries(shippedConfigs))('infra/nats/%s is what the renderer makes', async (name, text) => {
  await expect(text).toMatchFileSnapshot(`../../infra/nats/${name}`)
})
