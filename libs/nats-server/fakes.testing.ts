/**
 * Stand-ins for this folder's tests: programs that only answer --version, in a temporary home of their own.
 * Must never look at the machine's real PATH or cache.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A temporary machine: its environment, and what is installed on it. */
export interface FakeMachine extends AsyncDisposable {
  folder: string
  env: NodeJS.ProcessEnv
  /** Writes a program that claims to be this nats-server; returns its path. */
  install(place: string, version: string): Promise<string>
  /** The same in the cache, under `<version>-debian`. */
  cache(version: string, answers?: string): Promise<string>
}

/** A script that answers as nats-server does. */
export function fakeServerScript(version: string): string {
  return `#!/bin/sh\necho "nats-server: v${version}"\n`
}

/** Makes an empty machine whose PATH is `first` and `second`. */
export async function fakeMachine(): Promise<FakeMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-fake-'))
  const write = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    await chmod(path, 0o755)
    return path
  }
  return {
    folder,
    env: { PATH: `${join(folder, 'first')}:${join(folder, 'second')}`, MILLRACE_CACHE: join(folder, 'cache') },
    install: (place, version) => write(join(folder, place, 'nats-server'), fakeServerScript(version)),
    cache: (version, answers = version) =>
      write(join(folder, 'cache', 'nats-server', `${version}-debian`, 'nats-server'), fakeServerScript(answers)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
