/** What the pure core and the agent's brain may not do, and what no test may do. On code with comments and texts blanked. */
import { type CodeFile, codeFiles, isTestCode, matches } from './files.ts'

const pureRooms = /^(libs\/domain|services\/agent\/brain)\//

const impure: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'time comes in as a number'],
  [/\bnew Date\(\s*\)/, 'time comes in as a number'],
  [/(?<!new )\bDate\(\s*\)/, 'time comes in as a number'],
  [/\bperformance\b/, 'time comes in as a number'],
  [/\bMath\.random\b|\bcrypto\b|\brandomUUID\b/, 'chance is derived from ids (hash.ts)'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'nothing here waits'],
  [/\bawait\b|\basync\b|\bnew Promise\b/, 'nothing here waits'],
  [/\bprocess\.\w+|\bglobalThis\b/, 'nothing here sees the process'],
  [/\bconsole\.\w+/, 'nothing here prints'],
]

export const impurities = (among: readonly CodeFile[] = codeFiles): string[] =>
  among
    .filter(({ path }) => pureRooms.test(path) && !isTestCode(path))
    .flatMap((file) =>
      impure.flatMap(([pattern, why]) =>
        matches(file, file.source.code, pattern, (found) => `${found} in pure code: ${why}`),
      ),
    )

const only = /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.only\b/
/** A promise that a timer resolves, whatever its name; or somebody else's sleep. */
const sleep =
  /\bsleep\s*\(|\bnew Promise\b[^(]*\(\s*\(?\s*(\w+)[^;]{0,160}?\bsetTimeout\s*\(\s*(?:\(\)\s*=>\s*)?\1\b|\bsetTimeout\s*\(\s*resolve\b/

/** test/support holds the one pause between two looks at a condition; tests wait by it or on events. */
const maySleep = (path: string): boolean => path.startsWith('test/support/')

export const badTestHabits = (among: readonly CodeFile[] = codeFiles): string[] =>
  among
    .filter(({ path }) => isTestCode(path))
    .flatMap((file) => [
      ...matches(file, file.source.code, only, (found) => `${found} leaves every other test out`),
      ...(maySleep(file.path)
        ? []
        : [
            ...matches(file, file.source.code, sleep, () => 'a sleep: wait on an event or a condition'),
            ...file.imports
              .filter(({ from }) => /^(node:)?timers\/promises$/.test(from))
              .map(({ line }) => `${file.path}:${line}: timers/promises: wait on an event or a condition`),
          ]),
    ])
