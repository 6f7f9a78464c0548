import { MemoryCell } from '#eventlog'
import { newLogger } from '#runtime'
import { subjectsOf } from '#schemas'
import { Scheduler } from './scheduler.ts'
import { snapshotsInMemory, submit, LogReader } from './testing/cell.ts'
import { ScriptedAgent } from './testing/scripted-agent.ts'
const cell = new MemoryCell()
const subjects = subjectsOf('mr')
const s = new Scheduler({ id: 'a', namespace: 'mr', logger: newLogger('s', 'debug'), connect: async () => cell.connect('a'), openSnapshots: () => snapshotsInMemory() })
await s.start()
console.log('started', s.status())
const broker = cell.connect('c')
const reader = new LogReader(broker, subjects)
const agent = new ScriptedAgent({ broker: cell.connect('h1'), subjects, host: 'h1' })
await agent.start()
console.log('agent')
await submit(broker, subjects, 'job')
await reader.untilEnded(['job'])
console.log(agent.spawned, s.status())
await agent.stop(); await s.stop(); await broker.close()
