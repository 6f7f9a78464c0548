/** Every event is known everywhere: schema, example, the cluster's fold, the archive's projection, a golden log. */
import { eventDefinitions } from '#schemas'
import { files } from './files.ts'

const textOf = (paths: RegExp): string =>
  files
    .filter(({ path }) => paths.test(path))
    .map(({ text }) => text)
    .join('\n')

const places: readonly (readonly [name: string, paths: RegExp, mark: (type: string) => string])[] = [
  [
    "a case in the cluster's fold (libs/domain/cluster/evolve.ts)",
    /^libs\/domain\/cluster\/evolve\.ts$/,
    (type) => `case '${type}':`,
  ],
  [
    "a case in the archive's projection (libs/store/readmodel/project*.ts)",
    /^libs\/store\/readmodel\/project[\w-]*\.ts$/,
    (type) => `case '${type}':`,
  ],
  [
    'a line in a golden log (test/fixtures/events/*.ndjson)',
    /^test\/fixtures\/events\/.*\.ndjson$/,
    (type) => `\\"type\\":\\"${type}\\"`,
  ],
  [
    'a section in the catalogue (npm run generate)',
    /^schemas\/generated\/event-catalogue\.md$/,
    (type) => `\n### ${type}\n`,
  ],
]

export const unknownEvents = (): string[] => {
  const definitions = Object.entries(eventDefinitions)
  const unsaid = definitions.flatMap(([type, { schema, example }]) => [
    ...(schema.description ? [] : [`${type}: its schema says not what it means (description)`]),
    ...(example['type'] === type ? [] : [`${type}: its example is one of ${String(example['type'])}`]),
  ])
  const missing = places.flatMap(([name, paths, mark]) => {
    const text = textOf(paths)
    return definitions.filter(([type]) => !text.includes(mark(type))).map(([type]) => `${type}: no ${name}`)
  })
  return [...unsaid, ...missing]
}
