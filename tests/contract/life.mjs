// One life of a twin with the AWS SDK for JavaScript.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const [address, packages] = process.argv.slice(2);
const sdk = createRequire(`${packages}/`)("@aws-sdk/client-iotsitewise");

const client = new sdk.IoTSiteWiseClient({
  endpoint: `http://${address}`,
  region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" },
  disableHostPrefix: true,
  maxAttempts: 1,
});
const send = (operation, input) => client.send(new sdk[`${operation}Command`](input));
const patience = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

const speed = randomUUID();
const { assetModelId: rotor } = await send("CreateAssetModel", {
  assetModelName: "js rotor",
  assetModelProperties: [
    { id: speed, name: "Speed", dataType: "DOUBLE", unit: "rpm", type: { measurement: {} } },
  ],
});
await sdk.waitUntilAssetModelActive(patience, { assetModelId: rotor });
const { assetModelId: turbine } = await send("CreateAssetModel", {
  assetModelName: "js turbine",
  assetModelHierarchies: [{ name: "rotors", externalId: "rotors", childAssetModelId: rotor }],
});
await sdk.waitUntilAssetModelActive(patience, { assetModelId: turbine });
const { assetId: child } = await send("CreateAsset", {
  assetName: "js R1",
  assetModelId: rotor,
  assetExternalId: "js:r.1",
});
const { assetId: parent } = await send("CreateAsset", { assetName: "js T1", assetModelId: turbine });
for (const assetId of [child, parent]) await sdk.waitUntilAssetActive(patience, { assetId });
const link = { assetId: parent, hierarchyId: "externalId:rotors", childAssetId: "externalId:js:r.1" };
await send("AssociateAssets", link);
const children = await send("ListAssociatedAssets", { assetId: parent, hierarchyId: "externalId:rotors" });
assert.deepEqual(children.assetSummaries.map((asset) => asset.name), ["js R1"]);

const now = Math.floor(Date.now() / 1000);
const answer = await send("BatchPutAssetPropertyValue", {
  enablePartialEntryProcessing: true,
  entries: [
    {
      entryId: "1",
      assetId: child,
      propertyId: speed,
      propertyValues: [
        { value: { doubleValue: 12.5 }, timestamp: { timeInSeconds: now, offsetInNanos: 5 } },
        { value: { doubleValue: NaN }, timestamp: { timeInSeconds: now - 1 }, quality: "UNCERTAIN" },
        { value: { booleanValue: true }, timestamp: { timeInSeconds: now - 2 } },
      ],
    },
  ],
});
assert.equal(answer.errorEntries[0].errors[0].errorCode, "InvalidRequestException");
assert.deepEqual(answer.errorEntries[0].errors[0].timestamps, [{ timeInSeconds: now - 2 }]);
const source = { assetId: child, propertyId: speed };
const latest = await send("GetAssetPropertyValue", source);
assert.equal(latest.propertyValue.value.doubleValue, 12.5);
const history = await send("GetAssetPropertyValueHistory", {
  ...source,
  startDate: new Date((now - 60) * 1000),
  endDate: new Date((now + 60) * 1000),
});
assert.equal(history.assetPropertyValueHistory.length, 2);
assert.ok(Number.isNaN(history.assetPropertyValueHistory[0].value.doubleValue));
const described = await send("DescribeAssetModel", { assetModelId: rotor });
assert.match(described.eTag, /^[\w-]{43}$/);
await assert.rejects(send("DescribeAsset", { assetId: "externalId:nobody" }), (error) => {
  return error instanceof sdk.ResourceNotFoundException && error.$metadata.requestId !== undefined;
});
await assert.rejects(send("AssociateAssets", link), (error) => {
  return error instanceof sdk.ResourceAlreadyExistsException && error.resourceId === child;
});

await send("DisassociateAssets", link);
for (const assetId of [child, parent]) {
  await send("DeleteAsset", { assetId });
  await sdk.waitUntilAssetNotExists(patience, { assetId });
}
for (const assetModelId of [turbine, rotor]) {
  await send("DeleteAssetModel", { assetModelId });
  await sdk.waitUntilAssetModelNotExists(patience, { assetModelId });
}
client.destroy();
console.log(JSON.stringify({ passed: 1, failed: 0 }));
