// A Sparkplug edge node on a leash: the npm package sparkplug-client, told what to do by JSON
// lines on stdin, tells what happens by JSON lines on stdout.
"use strict";

const readline = require("readline");
const mqtt = require("mqtt");
const sparkplug = require("sparkplug-client");

let client;
let watcher;

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

// JSON has no bytes, no 64 bits and no infinities: they come as objects with one marked key.
function revive(_key, value) {
  if (value === null || typeof value !== "object") return value;
  if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
  if ("$float" in value) return Number(value.$float);
  if ("$integer" in value) {
    const bits = BigInt.asUintN(64, BigInt(value.$integer));
    const half = (shift) => Number(BigInt.asUintN(32, bits >> BigInt(shift)));
    return { low: half(0), high: half(32), unsigned: true };
  }
  return value;
}

const commands = {
  // Listens, as any other MQTT client would, to what is not an edge node's business.
  watch({ serverUrl, topics }) {
    watcher = mqtt.connect(serverUrl, { reconnectPeriod: 0 });
    watcher.on("message", (topic, message, packet) => {
      tell({ event: "message", topic, message: message.toString(), retain: packet.retain });
    });
    watcher.on("connect", () => watcher.subscribe(topics, { qos: 1 }));
  },

  connect({ config }) {
    client = sparkplug.newClient({ ...config, mqttOptions: { reconnectPeriod: 0 } });
    for (const event of ["connect", "birth", "close", "reconnect", "offline"]) {
      client.on(event, () => tell({ event }));
    }
    client.on("error", (error) => tell({ event: "error", message: String(error) }));
    client.on("ncmd", ({ metrics }) => {
      tell({ event: "ncmd", metrics: metrics.map(({ name, value }) => ({ name, value })) });
    });
  },

  nodeBirth: ({ payload }) => client.publishNodeBirth(payload),
  nodeData: ({ payload }) => client.publishNodeData(payload),
  deviceBirth: ({ device, payload, options }) => client.publishDeviceBirth(device, payload, options),
  deviceData: ({ device, payload, options }) => client.publishDeviceData(device, payload, options),
  deviceDeath: ({ device, payload }) => client.publishDeviceDeath(device, payload),

  // Publishes the NDEATH itself and disconnects in order.
  stop: () => client.stop(),
  // The cable is cut: no DISCONNECT, so that the server publishes the will.
  cut: () => client.client.stream.destroy(),
  // Uses up a sequence number, as a message does that gets lost.
  lose: () => void client.incrementSeqNum(),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { command, ...details } = JSON.parse(line, revive);
  try {
    commands[command](details);
    tell({ event: "done", command });
  } catch (error) {
    tell({ event: "failed", command, message: error.stack });
  }
}).on("close", () => process.exit());
