import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(5))) struct `A sealed log` {
        @Test func `is proved by the program, and betrays whoever changes it, in the database and in an export`()
            async throws
        {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let (key, heads, export) = (folder + "/key", folder + "/heads", folder + "/log.ndjson")
                _ = try await Executable.run(["audit", "key", "create", key])
                let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
                guard mode == 0o600 else { throw Wrong("the key's file has the mode \(mode ?? 0)") }
                let server = try await system.start(
                    more: ["FLEETLOG_SEAL_KEY_FILE": key, "FLEETLOG_SEAL_HEADS_FILE": heads])
                let api = system.api(server)
                for number in 1...20 { _ = try await api.register("sealed-\(number)") }
                let registered = try await system.head
                try await eventually("the first head is in its file") {
                    (try? String(contentsOfFile: heads, encoding: .utf8))?.contains("— ") == true
                }
                await server.kill()
                let kept = try String(contentsOfFile: heads, encoding: .utf8)

                _ = try await Executable.run([
                    "audit", "key", "rotate", key, "--database-url", system.database.serverURL,
                ])
                // So that the next server need not wait a minute before it signs all of it.
                try await PostgresLog.with(system.database) { try await $0.tamper("delete from signed_heads") }
                let next = try await system.start(
                    "next", more: ["FLEETLOG_SEAL_KEY_FILE": key, "FLEETLOG_SEAL_HEADS_FILE": heads])
                try await eventually("a head covers all devices") {
                    let answer = try await system.api(next).send("GET", "/api/v1/audit/heads/latest")
                    guard answer.status == 200 else { return false }
                    let head: Head = try answer.value()
                    return head.size >= registered
                }
                await next.kill()

                let verify = ["audit", "verify", "--key", key + ".pub", "--database-url", system.database.serverURL]
                let clean = try await Executable.output(verify + ["--head", heads])
                guard clean.succeeded, clean.text.contains("nothing was altered") else {
                    throw Wrong("a log as it was is judged \(clean.text)\(clean.errors)")
                }
                let newest = try await Executable.run(
                    ["audit", "head", "--database-url", system.database.serverURL])
                let lost = try await Executable.output(
                    intoFullDevice: ["audit", "head", "--database-url", system.database.serverURL])
                guard !lost.succeeded, lost.errors.contains("No space left on device") else {
                    throw Wrong("a head that gets nowhere: \(lost.ending) \(lost.errors)")
                }
                let all = try String(contentsOfFile: heads, encoding: .utf8)
                guard all.hasPrefix(kept), all.dropFirst(kept.count).contains(newest) else {
                    throw Wrong("the file of heads is not '\(kept)' and the newest head behind it: \(all)")
                }
                _ = try await Executable.run(
                    ["audit", "export", export, "--database-url", system.database.serverURL])
                try await Self.judge(export, key, heads)

                _ = try await PostgresLog.with(system.database) { log in
                    try await log.tamper("update events set account = 'other' where position = 7")
                }
                let changed = try await Executable.output(verify + ["--json"])
                guard !changed.succeeded, changed.text.contains(#""ok":false"#) else {
                    throw Wrong("an altered log is judged \(changed.text)\(changed.errors)")
                }
                let unkeyed = try await Executable.output(
                    ["audit", "verify", "--folder", folder, "--database-url", system.database.serverURL])
                guard !unkeyed.succeeded, unkeyed.errors.contains("no public key") else {
                    throw Wrong("without a key it says \(unkeyed.text)\(unkeyed.errors)")
                }
            }
        }

        @Test func `goes to a mailbox head by head, and one of them alone betrays what is cut off`() async throws {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let (key, head) = (folder + "/key", folder + "/head")
                _ = try await Executable.run(["audit", "key", "create", key])
                let receiver = try await ReceiverProcess("receiver.py")
                // The first head is signed as soon as a server has a key, and not a minute later.
                let unsealed = try await system.start("unsealed")
                let set = try await system.api(unsealed).send(
                    "PUT", "/api/v1/accounts/default/mailboxes/auditor",
                    #"{"channel":"webhook","url":"http://127.0.0.1:\#(receiver.port)/ok","severity":"critical","heads":true}"#
                )
                guard set.status == 201 else { throw Wrong("the mailbox was answered \(set.status) \(set.text)") }
                for number in 1...5 { _ = try await system.api(unsealed).register("sealed-\(number)") }
                let registered = try await system.head
                await unsealed.kill()

                let server = try await system.start("sealing", more: ["FLEETLOG_SEAL_KEY_FILE": key])
                let note = try await Self.note(at: receiver)
                try note.write(toFile: head, atomically: true, encoding: .utf8)
                _ = try await Executable.run(["replay", "devices", "--database-url", system.database.serverURL])
                let letters = try await system.number("letters", "select count(*) from notifications")
                let heads = try await system.number("heads", "select count(*) from signed_heads")
                guard letters == heads, letters >= 1 else { throw Wrong("\(letters) letters of \(heads) heads") }
                await server.kill()

                let verify = [
                    "audit", "verify", "--key", key + ".pub", "--head", head, "--database-url",
                    system.database.serverURL,
                ]
                let clean = try await Executable.output(verify)
                guard clean.succeeded else { throw Wrong("a log as it was is judged \(clean.text)\(clean.errors)") }
                try await PostgresLog.with(system.database) { log in
                    try await log.tamper(
                        """
                        delete from signed_heads; delete from events where position >= \(registered);
                        update log_head set position = \(registered - 1)
                        """)
                }
                let cut = try await Executable.output(verify)
                guard !cut.succeeded, cut.text.contains("cut off") else {
                    throw Wrong("a log without its end is judged \(cut.text)\(cut.errors)")
                }
            }
        }

        /// The first head that has come.
        private static func note(at receiver: ReceiverProcess) async throws -> String {
            func find() -> String? {
                receiver.received.lazy.compactMap { request in
                    let body = Data((request["body"] as? String ?? "").utf8)
                    let event = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
                    guard event?["type"] as? String == "fleetlog.head.signed.v1" else { return nil }
                    return ((event?["data"] as? [String: Any])?["values"] as? [String: String])?["note"]
                }.first
            }
            try await eventually("a head has come") { find() != nil }
            guard let note = find() else { throw Wrong("a letter is gone") }
            return note
        }

        private struct Head: Decodable { var size: Int }

        /// An export alone, whole and changed.
        private static func judge(_ export: String, _ key: String, _ heads: String) async throws {
            let verify = ["audit", "verify", "--key", key + ".pub", "--head", heads, "--export"]
            let clean = try await Executable.output(verify + [export])
            guard clean.succeeded else { throw Wrong("a whole export is judged \(clean.text)\(clean.errors)") }
            var lines = try String(contentsOfFile: export, encoding: .utf8).split(separator: "\n")
            let changed = export + ".changed"
            func expect(_ finding: String) async throws {
                try lines.joined(separator: "\n").write(toFile: changed, atomically: true, encoding: .utf8)
                let output = try await Executable.output(verify + [changed])
                guard !output.succeeded, output.text.contains(finding) else {
                    throw Wrong("instead of '\(finding)' it says \(output.text)\(output.errors)")
                }
            }
            let whole = lines
            // What the server writes at its start may come between the devices.
            guard let place = whole.firstIndex(where: { $0.contains("sealed-") }) else { throw Wrong("no device") }
            let position = whole[...place].count { !$0.contains(#""type":"fleetlog.head""#) }
            lines[place] = Substring(lines[place].replacing("sealed-", with: "cheated-"))
            try await expect("position \(position): the event is not the one that was sealed")
            lines = whole
            lines.remove(at: place)
            try await expect("position \(position): the event is missing")
            lines = whole.filter { !$0.contains(#""type":"fleetlog.head""#) }.dropLast(whole.count / 2)
            try await expect("from here on events are cut off")
        }
    }
}
