// An edge node with a test bench: some of what it tells is refused, and when it is killed its
// will says that it is dead.
//
//   node edge.mjs mqtt://127.0.0.1:1883

import { createRequire } from 'node:module';

const sparkplug = createRequire(process.env.NODE_MODULES ?? import.meta.url)('sparkplug-client');

const DAY = 86_400_000;
const client = sparkplug.newClient({
  serverUrl: process.argv[2],
  username: '',
  password: '',
  groupId: 'Workshop',
  edgeNode: 'Test bench',
  clientId: 'test-bench',
  version: 'spBv1.0',
});
const torque = () => ({ name: 'Torque', type: 'Double', value: 40 + 10 * Math.random(), properties: { engUnit: { type: 'String', value: 'Nm' } } });

client.on('birth', () => {
  client.publishNodeBirth({
    timestamp: Date.now(),
    metrics: [
      { name: 'Node Control/Rebirth', type: 'Boolean', value: false },
      torque(),
      { name: 'Operator', type: 'String', value: 'Ada' },
      { name: 'Running', type: 'Boolean', value: true },
      { name: 'Spectrum', type: 'String', value: 'flat' },
    ],
  });
  console.log('born');
});
client.on('ncmd', () => client.emit('birth'));
setInterval(() => {
  const timestamp = Date.now();
  client.publishNodeData({ timestamp, metrics: [torque()] });
  // Older than SiteWise takes, and further ahead.
  client.publishNodeData({ timestamp, metrics: [{ ...torque(), timestamp: timestamp - 30 * DAY }] });
  client.publishNodeData({ timestamp, metrics: [{ ...torque(), timestamp: timestamp + DAY }] });
}, 1000);
