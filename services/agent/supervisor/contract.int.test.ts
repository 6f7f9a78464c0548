import { describe } from 'vitest'
import { supervisorContract } from '../../../libs/process/contract.testing.ts'
import { realCell } from '../testing/supervisor-cell.ts'

describe('with the best containment of this machine', () =>
  supervisorContract(({ capacity }) => realCell({ capacity })))

describe('with process groups and environment marks', () =>
  supervisorContract(({ capacity }) => realCell({ capacity, containment: 'process-group' })))
