/** The checks of `doctor`, each on its own and none throwing. Looks only: starts nothing, writes nothing. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { explainNatsServers } from '#nats-server'
import { isSameProcess } from '#process'
import { sizeText } from '../render/quantity.ts'
import { portState } from './port.ts'

export type Finding = {
  topic: string
  /** `wrong`: Millrace can't work like this. `note`: it works, with less. */
  status: 'fine' | 'note' | 'wrong'
  sentence: string
  hint: string
  details: string[]
}

export type Patient = { dataDir: string; server: string; token: string | undefined }

const nodeFloor = [20, 19] as const
const freeBytesMin = 1024 ** 3

export const diagnose = async (patient: Patient): Promise<Finding[]> => {
  const gateway = await gatewayFinding(patient)
  return [
    nodeFinding(process.versions.node),
    machineFinding(),
    await natsServerFinding(),
    containmentFinding(),
    dataFinding(patient.dataDir),
    diskFinding(patient.dataDir),
    await portFinding(patient.server, gateway.status === 'fine'),
    gateway,
  ]
}

const finding = (
  topic: string,
  status: Finding['status'],
  sentence: string,
  hint = '',
  details: string[] = [],
): Finding => ({ topic, status, sentence, hint, details })

export const nodeFinding = (version: string): Finding => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const sound = major > nodeFloor[0] || (major === nodeFloor[0] && minor >= nodeFloor[1])
  return sound
    ? finding('node', 'fine', `Node ${version}.`)
    : finding('node', 'wrong', `Node ${version} is too old.`, `Install Node ${nodeFloor.join('.')} or newer.`)
}

const machineFinding = (): Finding =>
  finding('machine', 'fine', `${availableParallelism()} CPUs, ${sizeText(totalmem())} memory, ${process.platform}.`)

const natsServerFinding = async (): Promise<Finding> => {
  const { candidates, chosen } = await explainNatsServers()
  const details = candidates.map(({ sentence }) => sentence)
  if (chosen)
    return finding('nats-server', 'fine', `${chosen.version ?? ''} at ${chosen.path ?? ''}.`.trim(), '', details)
  if (candidates.some(({ usable }) => usable))
    return finding('nats-server', 'note', 'None is here yet; `millrace up` fetches one.', '', details)
  const hint = 'Install nats-server 2.10 or newer, or name one with MILLRACE_NATS_SERVER.'
  return finding('nats-server', 'wrong', 'None is here, and none can be fetched.', hint, details)
}

const containmentFinding = (): Finding => {
  const mounts = readText('/proc/mounts')
  const mount = mounts
    .split('\n')
    .find((line) => line.split(' ')[2] === 'cgroup2')
    ?.split(' ')[1]
  const own = readText('/proc/self/cgroup').match(/^0::(.*)$/m)?.[1]
  const folder = mount !== undefined && own !== undefined ? join(mount, own) : undefined
  if (folder !== undefined && writable(folder))
    return finding('containment', 'fine', `cgroup v2: the tree of a job is held and ended as a whole (${folder}).`)
  const why = folder === undefined ? 'There is no cgroup v2 mount.' : `${folder} can’t be written.`
  return finding(
    'containment',
    'note',
    `${why} Jobs are held by process groups and a mark in their environment.`,
    'Run the agent under systemd with Delegate=yes (infra/systemd), or as root.',
  )
}

const dataFinding = (dataDir: string): Finding => {
  const folder = resolve(dataDir)
  const at = nearestExisting(folder)
  if (!writable(at)) return finding('data', 'wrong', `${at} can’t be written.`, 'Choose another folder with --data.')
  if (!existsSync(folder)) return finding('data', 'fine', `${folder} will be made.`)
  const owner = ownerOf(folder)
  return owner === null
    ? finding('data', 'fine', `${folder} is there; nothing runs on it.`)
    : finding('data', 'fine', `${folder} is served by \`millrace up\` (pid ${owner}).`)
}

/** Who holds the lock of `up`, if that process lives. */
const ownerOf = (folder: string): number | null => {
  try {
    const { pid, startTicks } = JSON.parse(readFileSync(join(folder, 'up.lock'), 'utf8'))
    return isSameProcess(pid, startTicks) ? pid : null
  } catch {
    return null
  }
}

const diskFinding = (dataDir: string): Finding => {
  const at = nearestExisting(resolve(dataDir))
  try {
    const { bavail, bsize } = statfsSync(at)
    const free = bavail * bsize
    return free >= freeBytesMin
      ? finding('disk', 'fine', `${sizeText(free)} free at ${at}.`)
      : finding('disk', 'wrong', `Only ${sizeText(free)} free at ${at}.`, 'Make room, or choose another --data.')
  } catch (error) {
    return finding('disk', 'note', `The space at ${at} is unknown: ${(error as Error).message}`)
  }
}

const portFinding = async (server: string, answers: boolean): Promise<Finding> => {
  const { hostname, port, protocol } = URL.canParse(server) ? new URL(server) : new URL('http://127.0.0.1:7070')
  const number = Number(port || (protocol === 'https:' ? 443 : 80))
  const state = await portState(hostname, number)
  if (state === 'free') return finding('port', 'fine', `${number} on ${hostname} is free.`)
  if (answers) return finding('port', 'fine', `${number} on ${hostname} is the gateway’s.`)
  return state === 'taken'
    ? finding(
        'port',
        'note',
        `${number} on ${hostname} is taken by something else.`,
        'Start with millrace up --port 0.',
      )
    : finding('port', 'note', `${number} on ${hostname} is not on this machine or can’t be used.`)
}

const gatewayFinding = async ({ server, token }: Patient): Promise<Finding> => {
  try {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(new URL('/readyz', server), { headers, signal: AbortSignal.timeout(5_000) })
    const body = (await response.json()) as { status?: unknown; code?: string; detail?: string; hint?: string }
    if (response.ok) return finding('gateway', 'fine', `${server} is ready.`)
    return finding('gateway', 'wrong', `${server} is not ready: ${body.detail ?? body.code}`, body.hint ?? '')
  } catch {
    const hint = 'Start one with `millrace up`, or name it with --server or MILLRACE_URL.'
    return finding('gateway', 'note', `No gateway answers at ${server}.`, hint)
  }
}

const nearestExisting = (path: string): string => {
  let at = path
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at)
  return at
}
const writable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
