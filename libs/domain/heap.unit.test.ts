import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IndexedHeap } from './heap.ts'

const heapOf = (items: readonly number[]) => {
  const heap = new IndexedHeap<number>((a, b) => a < b)
  for (const item of items) heap.push(item)
  return heap
}
const distinct = fc.uniqueArray(fc.integer(), { maxLength: 200 })

describe('indexed heap', () => {
  test('pops in order, whatever was pushed and removed', () => {
    fc.assert(
      fc.property(distinct, fc.array(fc.nat(199)), (items, removals) => {
        const heap = heapOf(items)
        const left = new Set(items)
        for (const index of removals) {
          const item = items[index]
          if (item !== undefined) expect(heap.remove(item)).toBe(left.delete(item))
        }
        const popped: number[] = []
        for (let item = heap.pop(); item !== undefined; item = heap.pop()) popped.push(item)
        expect(popped).toEqual([...left].sort((a, b) => a - b))
      }),
    )
  })

  test('walks in order without changing', () => {
    fc.assert(
      fc.property(distinct, (items) => {
        const heap = heapOf(items)
        const sorted = items.toSorted((a, b) => a - b)
        expect([...heap.inOrder()]).toEqual(sorted)
        expect(heap.size).toBe(items.length)
        expect(heap.peek()).toBe(sorted[0])
      }),
    )
  })

  test('the same item twice is in once', () => {
    const heap = heapOf([3, 3, 3])
    expect(heap.size).toBe(1)
  })
})
