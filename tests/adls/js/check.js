// SPDX-License-Identifier: Apache-2.0
// The JavaScript SDK against the test server, in host style: check.js PORT ACCOUNT KEY. Ends with 0 when all is right.
"use strict";

const dns = require("node:dns");
const assert = require("node:assert/strict");

// The hosts of the account are this machine.
const lookup = dns.lookup;
dns.lookup = (host, options, callback) => lookup(host.endsWith(".core.windows.net") ? "127.0.0.1" : host, options, callback);

const {
    DataLakeServiceClient,
    StorageSharedKeyCredential,
    generateDataLakeSASQueryParameters,
    generateAccountSASQueryParameters,
    AccountSASPermissions,
    AccountSASResourceTypes,
    AccountSASServices,
    FileSystemSASPermissions,
} = require("@azure/storage-file-datalake");

const [port, account, key] = process.argv.slice(2);
const url = `http://${account}.dfs.core.windows.net:${port}`;
const credential = new StorageSharedKeyCredential(account, key);
const retryOptions = { maxTries: 1 };
const service = new DataLakeServiceClient(url, credential, { retryOptions });
const later = () => new Date(Date.now() + 600000);
let number = 0;

async function fails(promise, status, code) {
    const error = await promise.then(() => null, (reason) => reason);
    assert.ok(error, `no error where ${code} was due`);
    assert.deepEqual([error.statusCode, error.code ?? error.details?.errorCode], [status, code]);
}

async function names(pages) {
    const found = [];
    for await (const path of pages) {
        found.push(path.name);
    }
    return found;
}

const checks = {
    async "append and flush"(fs) {
        const file = fs.getDirectoryClient("d ü").getFileClient("f&=+%41");
        await file.create({ metadata: { writer: "me" } });
        await file.append("hello", 0, 5);
        assert.equal((await file.getProperties()).contentLength, 0);
        await file.append(" world", 5, 6, { flush: true });
        const properties = await file.getProperties();
        assert.equal(properties.contentLength, 11);
        assert.deepEqual(properties.metadata, { writer: "me" });
        assert.equal((await file.readToBuffer()).toString(), "hello world");
        assert.equal((await file.readToBuffer(Buffer.alloc(3), 6, 3)).toString(), "wor");
        await fails(file.flush(99), 400, "InvalidFlushPosition");
    },

    async "upload in parallel"(fs) {
        const data = Buffer.alloc(5 * 1024 * 1024 + 3, "abcdefg");
        const file = fs.getFileClient("big");
        await file.upload(data, { chunkSize: 1024 * 1024, singleUploadThreshold: 1024, maxConcurrency: 4, close: true });
        assert.ok(data.equals(await file.readToBuffer()));
    },

    async "conditions"(fs) {
        const file = fs.getFileClient("f");
        const { etag } = await file.create({ conditions: { ifNoneMatch: "*" } });
        await fails(file.create({ conditions: { ifNoneMatch: "*" } }), 409, "PathAlreadyExists");
        await file.append("x", 0, 1);
        await fails(file.flush(1, { conditions: { ifMatch: '"0x1"' } }), 412, "ConditionNotMet");
        await file.flush(1, { conditions: { ifMatch: etag } });
    },

    async "rename"(fs) {
        const target = fs.getFileClient("model.json");
        const old = (await target.upload(Buffer.from("1"))).etag;
        const source = fs.getFileClient("tmp/new ü");
        await source.upload(Buffer.from("2"));
        const { etag } = await source.getProperties();
        await fails(source.move("model.json", { destinationConditions: { ifMatch: etag } }), 412, "ConditionNotMet");
        await fails(source.move("none/x"), 404, "RenameDestinationParentPathNotFound");
        await source.move("model.json", { destinationConditions: { ifMatch: old }, conditions: { ifMatch: etag } });
        assert.equal((await target.getProperties()).etag, etag);
        assert.equal((await target.readToBuffer()).toString(), "2");
        await fails(source.move("model.json"), 404, "SourcePathNotFound");
    },

    async "leases"(fs) {
        const file = fs.getFileClient("f");
        await file.create();
        const lease = file.getDataLakeLeaseClient();
        await lease.acquireLease(15);
        await fails(file.append("x", 0, 1), 412, "LeaseIdMissing");
        await file.append("x", 0, 1, { conditions: { leaseId: lease.leaseId } });
        await lease.renewLease();
        await fails(file.getDataLakeLeaseClient().acquireLease(15), 409, "LeaseAlreadyPresent");
        await lease.releaseLease();
        await file.append("y", 1, 1, { leaseAction: "acquire-release", proposedLeaseId: lease.leaseId, leaseDurationInSeconds: 15,
            flush: true });
        assert.equal((await file.getProperties()).leaseState, "available");
    },

    async "lists, properties and deletes"(fs) {
        for (let at = 0; at < 7; at++) {
            await fs.getFileClient(`d/${at}`).create();
        }
        const wanted = [0, 1, 2, 3, 4, 5, 6].map((at) => `d/${at}`);
        assert.deepEqual(await names(fs.listPaths({ path: "d", recursive: true })), wanted);
        const pages = [];
        for await (const page of fs.listPaths({ path: "d" }).byPage({ maxPageSize: 3 })) {
            pages.push(page.pathItems.length);
        }
        assert.deepEqual(pages, [3, 3, 1]);
        const [entry] = (await fs.listPaths().byPage().next()).value.pathItems;
        assert.deepEqual([entry.name, entry.isDirectory], ["d", true]);
        const file = fs.getFileClient("d/0");
        await file.setMetadata({ a: "1" });
        await file.setHttpHeaders({ contentType: "text/csv" });
        await file.setPermissions({ owner: { read: true, write: true, execute: false }, group: { read: true, write: false,
            execute: false }, other: { read: false, write: false, execute: false }, stickyBit: false, extendedAcls: false });
        assert.equal((await file.getAccessControl()).permissions.owner.write, true);
        assert.equal((await file.getProperties()).contentType, "text/csv");
        await file.delete();
        await fails(file.delete(), 404, "PathNotFound");
        await fs.getDirectoryClient("d").delete(true);
        assert.deepEqual(await names(fs.listPaths({ recursive: true })), []);
    },

    async "signatures"(fs) {
        await fs.getFileClient("d/f").upload(Buffer.from("hello"));
        const permissions = FileSystemSASPermissions.parse("rl");
        const sas = generateDataLakeSASQueryParameters({ fileSystemName: fs.name, permissions, expiresOn: later() }, credential);
        const reader = new DataLakeServiceClient(`${url}?${sas}`, undefined, { retryOptions }).getFileSystemClient(fs.name);
        assert.equal((await reader.getFileClient("d/f").readToBuffer()).toString(), "hello");
        await fails(reader.getFileClient("d/g").create(), 403, "AuthorizationPermissionMismatch");
        const whole = generateAccountSASQueryParameters({ expiresOn: later(), permissions: AccountSASPermissions.parse("rwdlac"),
            resourceTypes: AccountSASResourceTypes.parse("sco").toString(), services: AccountSASServices.parse("b").toString() },
        credential);
        const writer = new DataLakeServiceClient(`${url}?${whole}`, undefined, { retryOptions }).getFileSystemClient(fs.name);
        await writer.getFileClient("d/f").move("g");
        assert.equal((await writer.getFileClient("g").readToBuffer()).toString(), "hello");
    },

    async "a wrong key"(fs) {
        const wrong = new StorageSharedKeyCredential(account, Buffer.from("wrong").toString("base64"));
        const client = new DataLakeServiceClient(url, wrong, { retryOptions }).getFileSystemClient(fs.name);
        await fails(client.getFileClient("f").create(), 403, "AuthenticationFailed");
    },

    async "filesystems"(fs) {
        assert.equal(await fs.exists(), true);
        await fails(fs.create(), 409, "ContainerAlreadyExists");
        const found = [];
        for await (const entry of service.listFileSystems()) {
            found.push(entry.name);
        }
        assert.ok(found.includes(fs.name));
        await fs.delete();
        assert.equal(await fs.exists(), false);
    },
};

async function main() {
    let failed = 0;
    for (const [name, check] of Object.entries(checks)) {
        const fs = service.getFileSystemClient(`fs${process.pid}n${++number}`);
        try {
            await fs.create();
            await check(fs);
            console.log(`ok: ${name}`);
        } catch (error) {
            failed++;
            console.log(`FAILED: ${name}: ${error.stack}`);
        }
    }
    process.exitCode = failed ? 1 : 0;
}

main();
