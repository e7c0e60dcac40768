import type { Recogniser } from './recogniser.js';

const ERRNO =
  '-2 and -19: a part of it is missing; -5: it did not answer; -12: no memory; -16: already in use; -22: it is not what the driver expects; -110: no answer in time; -517 is not an error';

/** Drivers and devices that do not come together. drivers/base/dd.c, drivers/virtio/, net/, drivers/usb/. */
export const DEVICES: readonly Recogniser[] = [
  {
    kind: 'probe-failed',
    severity: 'warn',
    literal: 'failed with error',
    pattern: /^(\S+): probe of (\S+) failed with error (-\d+)/,
    title: 'the driver $1 failed to probe $2 (error $3)',
    hint: ERRNO,
  },
  {
    kind: 'probe-failed',
    severity: 'warn',
    literal: 'probe with driver',
    pattern: /^\S+ (\S+): probe with driver (\S+) failed with error (-\d+)/,
    title: 'the driver $2 failed to probe $1 (error $3)',
    hint: ERRNO,
  },
  {
    kind: 'probe-failed',
    severity: 'warn',
    literal: ': error -E',
    pattern: /^(\S+) (\S+): error (-E\w+): (.*)/,
    title: '$1 reports for $2: $4 ($3)',
    hint: 'the driver gave up on the device: its own message says what it could not get',
  },
  {
    kind: 'virtio-error',
    severity: 'warn',
    literal: 'virtio',
    pattern:
      /^(virtio[\w-]*) \S+: (\S+:id \d+ is not a head|.*?(?:queue failure|out of range|device uses modern interface|[Ff]ailed to [\w ]+|[Uu]nable to [\w ]+|virtqueue \d+ [\w ]*broken|unknown event|timed? ?out))/,
    title: '$1: $2',
    hint: 'device and driver do not agree: an old QEMU, or a driver for another kind of device',
  },
  {
    kind: 'transmit-timeout',
    severity: 'warn',
    literal: 'NETDEV WATCHDOG',
    pattern: /^NETDEV WATCHDOG: (\S+) \((\w+)\): transmit queue \d+ timed out/,
    title: '$1 ($2) does not send',
    hint: 'the device stopped taking packets: interrupts are lost, or the host did not run it',
  },
  {
    kind: 'transmit-timeout',
    severity: 'warn',
    literal: 'Unit Hang',
    pattern: /^(e1000e?|igb|ixgbe) \S+ (\S+): Detected (?:Tx |Hardware )Unit Hang/,
    title: '$2 ($1) does not send',
    hint: 'the device stopped taking packets: interrupts are lost, or the host did not run it',
  },
  {
    kind: 'network-leak',
    severity: 'warn',
    literal: 'unregister_netdevice',
    pattern: /^unregister_netdevice: waiting for (\S+) to become free\. Usage count = -?\d+/,
    title: '$1 is still in use and cannot be removed',
    hint: 'something in the kernel still holds a reference to it: a leak',
  },
  {
    kind: 'interrupt-lost',
    severity: 'warn',
    literal: 'nobody cared',
    pattern: /^irq (\d+): nobody cared/,
    title: 'an interrupt that no driver handles',
    end: /^Disabling IRQ #\d+/,
    most: 60,
    hint: 'the driver of the device that raises it is not loaded, or another shares its line',
  },
  {
    kind: 'usb-error',
    severity: 'warn',
    literal: 'usb ',
    pattern:
      /^usb (\S+): (device (?:descriptor read\/\w+|not (?:accepting|responding)[\w ]*|not accepting address \d+),? error -\d+|unable to enumerate USB device|can't set config #\d+, error -\d+)/,
    title: 'USB $1: $2',
    hint: 'the device does not answer',
  },
  {
    kind: 'usb-error',
    severity: 'warn',
    literal: 'HC died',
    pattern: /^(\w+) \S+: (?:HC died; cleaning up|xHCI host controller not responding, assume dead)/,
    title: 'the USB controller died ($1)',
    hint: 'the controller does not answer',
  },
  {
    kind: 'hardware-error',
    severity: 'warn',
    literal: '[Hardware Error]',
    pattern:
      /^(?:mce: )?(?:\{\d+\})?\[Hardware Error\]: (?:CPU \d+: )?(Machine Check(?: Exception)?|Hardware error from [\w ]+|[\w ]+)/,
    title: 'the hardware reports an error: $1',
    hint: "this is the host's memory or processor, or an injected error",
  },
];
