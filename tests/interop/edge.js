// A Sparkplug edge node on a leash: the npm package sparkplug-client, told what to do by JSON
// lines on stdin, tells what happens by JSON lines on stdout.
"use strict";

const readline = require("readline");
const mqtt = require("mqtt");
const sparkplug = require("sparkplug-client");

let client;
let watcher;
let stream;

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

// An edge node with one device that has much to tell.
class Stream {
  constructor(config, device, metrics, perSecond) {
    this.device = device;
    this.names = Array.from({ length: metrics }, (_, n) => `Value ${n}`);
    this.history = this.names.map(() => [[Date.now(), 0]]);
    this.past = this.names.map(() => []);
    this.count = 0;
    this.births = 0;
    // Messages that find no connection are lost, not kept: their sequence is over by then.
    const mqttOptions = { reconnectPeriod: 100, queueQoSZero: false };
    this.client = sparkplug.newClient({ ...config, mqttOptions });
    this.client.on("birth", () => {
      this.born();
      this.began = Date.now();
      this.due = 0;
      tell({ event: "born" });
    });
    this.client.on("close", () => {
      this.began = undefined;
    });
    this.client.on("ncmd", ({ metrics }) => {
      tell({ event: "ncmd", metrics: metrics.map(({ name, value }) => ({ name, value })) });
      this.born();
    });
    this.client.on("error", () => {});
    this.timer = setInterval(() => this.publish(perSecond), 10);
  }

  born() {
    this.births += 1;
    const timestamp = Date.now();
    const rebirth = { name: "Node Control/Rebirth", type: "Boolean", value: false };
    this.client.publishNodeBirth({ timestamp, metrics: [rebirth] });
    const metrics = this.names.map((name, alias) => ({ name, ...this.metric(alias) }));
    this.client.publishDeviceBirth(this.device, { timestamp, metrics });
  }

  metric(alias) {
    const [timestamp, value] = this.history[alias].at(-1);
    return { alias, type: "Double", value, timestamp };
  }

  publish(perSecond) {
    if (this.began === undefined) return;
    const now = Date.now();
    const until = ((now - this.began) / 1000) * perSecond;
    // A metric once in a millisecond.
    for (let n = 0; n < this.names.length && this.due < until; n += 1, this.due += 1) {
      const alias = this.count % this.names.length;
      this.count += 1;
      this.history[alias].push([now, this.count]);
      this.client.publishDeviceData(this.device, { timestamp: now, metrics: [this.metric(alias)] });
    }
  }

  // Values that were stored while nobody could be reached: one a second for each metric, all from
  // before the first, since SiteWise keeps one of two values of a property with one timestamp.
  recall(messages, seconds) {
    const began = this.history[0][0][0] - (messages * seconds + 1) * 1000;
    for (let message = 0; message < messages; message += 1) {
      const metrics = [];
      for (let second = message * seconds; second < (message + 1) * seconds; second += 1) {
        const timestamp = began + second * 1000;
        this.past.forEach((past, alias) => {
          past.push([timestamp, -second]);
          metrics.push({ alias, type: "Double", value: -second, timestamp, isHistorical: true });
        });
      }
      this.client.publishDeviceData(this.device, { timestamp: Date.now(), metrics });
    }
  }

  values() {
    return this.count + this.past.reduce((sum, past) => sum + past.length, 0);
  }

  publishedSince(since) {
    const all = this.history.map((history, n) => [...this.past[n], ...history]);
    const values = all.map((history) => history.filter(([time]) => time >= since));
    return Object.fromEntries(this.names.map((name, n) => [name, values[n]]));
  }
}

const commands = {
  // Listens, as any other MQTT client would, to what is not an edge node's business.
  watch({ serverUrl, topics }) {
    watcher = mqtt.connect(serverUrl, { reconnectPeriod: 0 });
    watcher.on("message", (topic, message, packet) => {
      tell({ event: "message", topic, message: message.toString(), retain: packet.retain });
    });
    watcher.on("connect", () => {
      watcher.subscribe(topics, { qos: 1 }, () => tell({ event: "watching" }));
    });
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

  nodeBirth: ({ payload, options }) => client.publishNodeBirth(payload, options),
  nodeData: ({ payload, options }) => client.publishNodeData(payload, options),
  deviceBirth: ({ device, payload, options }) => client.publishDeviceBirth(device, payload, options),
  deviceData: ({ device, payload, options }) => client.publishDeviceData(device, payload, options),
  deviceDeath: ({ device, payload }) => client.publishDeviceDeath(device, payload),

  // Publishes value after value, metric after metric, and births whenever they are wanted.
  stream({ config, device, metrics, perSecond }) {
    stream = new Stream(config, device, metrics, perSecond);
  },
  recall: ({ messages, seconds }) => stream.recall(messages, seconds),
  progress: () => tell({ event: "progress", values: stream.values(), births: stream.births }),
  // Ends the data, not the connection.
  halt: () => clearInterval(stream.timer),
  // What was published from then on: by metric, the times and values.
  published: ({ since }) => tell({ event: "published", values: stream.publishedSince(since) }),

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
