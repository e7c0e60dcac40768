import t from 'tap';
import type { Scenario } from '../scenarios/scenario.js';
import {
  aliasesOf,
  DISK_BUSES,
  diskRow,
  NIC_MODELS,
  nicRow,
  OTHER_DEVICES,
  otherRow,
} from '../vm/devices/index.js';
import type { GuestReport } from '../vm/records.js';
import { lostDevices } from './lost-devices.js';

const scenario = (over: Partial<Scenario>) => ({ disks: [], nics: [], ...over }) as unknown as Scenario;
const report = (devices: { id: string; node: string }[]) => ({ devices }) as unknown as GuestReport;
const mac = '52:54:00:62:67:00';

t.test('every level of every device of the table leads to it, as long as it is lost', async (t) => {
  for (const bus of DISK_BUSES) {
    const row = diskRow(bus);
    const one = scenario({ disks: [{ serial: 'data', bus, sizeMiB: 64, verifyPattern: false }] });
    for (const alias of row ? aliasesOf(row) : []) {
      t.equal(lostDevices(one, report([{ id: 'data', node: '' }]))(alias), 'disk data', `${bus} ${alias}`);
      t.equal(lostDevices(one, report([{ id: 'data', node: '/dev/x' }]))(alias), undefined, 'it is there');
      t.equal(lostDevices(one, report([]))(alias), undefined, 'nobody has looked yet');
    }
  }
  for (const model of NIC_MODELS) {
    const row = nicRow(model);
    const one = scenario({ nics: [{ model, mac, farEnd: false }] });
    for (const alias of row ? aliasesOf(row) : [])
      t.equal(
        lostDevices(one, report([{ id: mac, node: '' }]))(alias),
        `network card ${mac}`,
        `${model} ${alias}`,
      );
  }
  for (const name of OTHER_DEVICES) {
    const row = otherRow(name);
    const one = scenario({ devices: [name] });
    for (const alias of row ? aliasesOf(row) : [])
      t.equal(lostDevices(one, report([]))(alias), `device ${name}`, `${name} ${alias}`);
  }
  const nothing = lostDevices(scenario({}), report([]));
  t.equal(
    nothing('pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00'),
    undefined,
    'what every machine has',
  );
});
