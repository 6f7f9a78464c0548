import { defineConfig } from 'vitest/config'

const conditions = ['source', 'node', 'import', 'module', 'default']

// Tiers are in the file name (see STYLE): unit and sim tests run in parallel, tests that boot
// servers and processes run a file at a time, so that two cores are enough for generous limits.
const tier = (name: string, suffixes: string[], parallel: boolean) => ({
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  test: {
    name,
    include: suffixes.flatMap((suffix) => [`**/*.${suffix}.test.ts`]),
    exclude: ['dist/**', 'node_modules/**'],
    pool: 'forks' as const,
    fileParallelism: parallel,
    testTimeout: parallel ? 30_000 : 120_000,
    hookTimeout: 120_000,
    sequence: { groupOrder: parallel ? 0 : 1 },
  },
})

export default defineConfig({
  test: {
    projects: [tier('fast', ['unit', 'sim'], true), tier('real', ['int', 'e2e', 'chaos'], false)],
  },
})
